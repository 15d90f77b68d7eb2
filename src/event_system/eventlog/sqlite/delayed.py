"""Delayed events in `events.db`: rows wait in `scheduled` and move into the log when they fire.

All changes run on the log's writer thread, inside its commits, so an event is in one of the two
tables at every moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import apsw

from event_system.eventlog.sqlite.commit import GroupCommit, Operation
from event_system.eventlog.sqlite.reader import Reader
from event_system.eventlog.sqlite.schema import COLUMNS
from event_system.events.event import KEY_COLUMNS, Event, Row
from event_system.kernel.errors import InvalidQueryError, ScheduledEventNotFoundError
from event_system.kernel.lanes import id_key, source_key, subject_key
from event_system.kernel.patterns import matches, parse_pattern
from event_system.scheduling.ports import (
    Done,
    Fired,
    FiredEvent,
    Held,
    Standing,
    Waiting,
    WaitingFilter,
    WaitingPage,
)

SLICE_EVENTS: Final = 512
SLICE_BYTES: Final = 16_777_216

_ROW = ", ".join(COLUMNS)
_HOLD = f"""
INSERT INTO scheduled (due_us, {_ROW}) VALUES ({",".join("?" * (1 + len(COLUMNS)))})
"""  # noqa: S608 - our own names
_STANDING = "SELECT due_us FROM scheduled WHERE id_key = ? AND id = ? AND source = ?"
_DUE = """
SELECT number, coalesce(length(data), 0) FROM scheduled WHERE due_us <= ?
ORDER BY due_us, number LIMIT ?
"""
_TAKE = f"""
SELECT due_us, {_ROW} FROM scheduled WHERE number IN (SELECT value FROM json_each(?))
ORDER BY due_us, number
"""  # noqa: S608 - our own names
_DROP = "DELETE FROM scheduled WHERE number IN (SELECT value FROM json_each(?))"
_NEXT = "SELECT min(due_us) FROM scheduled"
_WAITING = ", ".join(("number", "due_us", "0", *COLUMNS[KEY_COLUMNS:]))
_OF_ID = f"SELECT {_WAITING} FROM scheduled WHERE id_key = ? AND id = ?"  # noqa: S608 - our own names
_RECEIVED = COLUMNS.index("received_us")


Submit: TypeAlias = Callable[[Operation[Any], Done[Any]], None]
"""`Writer.submit`."""


class SqliteDelayedStore:
    """Implements `scheduling.ports.DelayedStore`."""

    def __init__(self, events: apsw.Connection, reader: Reader, submit: Submit) -> None:
        self.waiting = int(events.execute("SELECT count(*) FROM scheduled").get)
        self.next_us: int | None = events.execute(_NEXT).get
        self._reader = reader
        self._submit = submit

    def accept(self, held: Sequence[Held], done: Done[list[Standing]]) -> None:
        self._submit(Operation(partial(_accept, held=held)), done)

    def fire(self, now_us: int, received_us: int, done: Done[Fired]) -> None:
        self._submit(Operation(partial(_fire, now_us=now_us, received_us=received_us)), done)

    def cancel(self, id_: str, source: str | None, done: Done[Waiting]) -> None:
        self._submit(Operation(partial(_cancel, id_=id_, source=source)), done)

    async def get(self, id_: str, source: str) -> Waiting | None:
        return await self._reader.run(partial(_get, id_=id_, source=source))

    async def find(
        self, query: WaitingFilter, *, limit: int, after: tuple[int, int] | None
    ) -> WaitingPage:
        return await self._reader.run(partial(_find, query=query, limit=limit, after=after))


def _accept(tx: GroupCommit, held: Sequence[Held]) -> list[Standing]:
    """Those for now go into the log first, so that a twin for later finds them there."""
    offsets = iter(tx.append([row for row, due_us in held if not due_us]))
    at_once = {i: next(offsets) for i, (_, due_us) in enumerate(held) if not due_us}
    return [
        _hold(tx, row, due_us) if due_us else Standing(abs(at_once[i]), duplicate=at_once[i] < 0)
        for i, (row, due_us) in enumerate(held)
    ]


def _hold(tx: GroupCommit, row: Row, due_us: int) -> Standing:
    if waiting := tx.execute(_STANDING, (row[0], row[7], row[6])):
        return Standing(0, waiting[0][0], duplicate=True)
    if (offset := tx.find(row)) is not None:
        return Standing(offset, duplicate=True)
    tx.execute(_HOLD, (due_us, *row))
    return Standing(0, due_us)


def _fire(tx: GroupCommit, now_us: int, received_us: int) -> Fired:
    numbers = json.dumps(list(_bounded(tx.execute(_DUE, (now_us, SLICE_EVENTS)))))
    taken = tx.execute(_TAKE, (numbers,))
    tx.execute(_DROP, (numbers,))
    due = [due_us for due_us, *_ in taken]
    rows: list[Row] = [(*row[:_RECEIVED], received_us, *row[_RECEIVED + 1 :]) for _, *row in taken]
    offsets = tx.append(rows)
    events = [FiredEvent(*each) for each in zip(rows, offsets, due, strict=True)]
    return Fired(events, tx.execute(_NEXT, ())[0][0])


def _bounded(due: Iterable[tuple[int, int]]) -> Iterable[int]:
    """Numbers of a slice: one at least, and no more data than fits well into memory."""
    size = 0
    for number, data_bytes in due:
        if size and size + data_bytes > SLICE_BYTES:
            return
        size += data_bytes
        yield number


def _cancel(tx: GroupCommit, id_: str, source: str | None) -> Waiting:
    found = [_waiting(row) for row in tx.execute(_OF_ID, (id_key(id_), id_))]
    if source is not None:
        found = [each for each in found if each.event.source == source]
    if not found:
        raise ScheduledEventNotFoundError(f"no event {id_[:256]!r} waits", where=id_[:256])
    if len(found) > 1:
        detail = f"{len(found)} sources have an event with this id: name one"
        raise InvalidQueryError(detail, where="source")
    tx.execute("DELETE FROM scheduled WHERE number = ?", (found[0].number,))
    return found[0]


def _get(connection: apsw.Connection, id_: str, source: str) -> Waiting | None:
    found = map(_waiting, connection.execute(_OF_ID, (id_key(id_), id_)))
    return next((each for each in found if each.event.source == source), None)


def _waiting(row: Sequence[Any]) -> Waiting:
    number, due_us, *event = row
    return Waiting(number, due_us, Event(*event))


def _find(
    connection: apsw.Connection,
    query: WaitingFilter,
    limit: int,
    after: tuple[int, int] | None,
) -> WaitingPage:
    pattern = None if query.pattern is None else parse_pattern(query.pattern)
    sql, values = _search(query, after)
    page: list[Waiting] = []
    size = 0
    for row in connection.execute(sql, values):
        found = _waiting(row)
        if pattern is not None and not matches(pattern, found.event.type):
            continue
        if len(page) == limit or size >= SLICE_BYTES:
            return WaitingPage(page, (page[-1].due_us, page[-1].number))
        page.append(found)
        size += len(found.event.raw or b"")
    return WaitingPage(page, None)


def _search(query: WaitingFilter, after: tuple[int, int] | None) -> tuple[str, dict[str, Any]]:
    conditions = {
        "due_us >= :since_us": query.since_us,
        "due_us < :until_us": query.until_us,
        "source_key = :source_key AND source = :source": query.source,
        "subject_key = :subject_key AND subject = :subject": query.subject,
        "(due_us, number) > (:due_us, :number)": after,
    }
    wanted = [condition for condition, value in conditions.items() if value is not None]
    due_us, number = after or (0, 0)
    values = {
        "since_us": query.since_us,
        "until_us": query.until_us,
        "source": query.source,
        "source_key": source_key(query.source or ""),
        "subject": query.subject,
        "subject_key": subject_key(query.subject or ""),
        "due_us": due_us,
        "number": number,
    }
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    sql = f"SELECT {_WAITING} FROM scheduled {where} ORDER BY due_us, number"  # noqa: S608 - our own words
    return sql, values
