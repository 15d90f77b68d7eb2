"""Delayed events: rows wait in `scheduled` and move into the log when they fire.

All changes run inside the log's own commits, so an event is in one of the two tables at every
moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.sql.commit import GroupCommit, Name, Operation, name_of
from event_system.eventlog.sql.reader import Reader
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
from event_system.sql.tables.log import ROW_COLUMNS, SCHEDULED

SLICE_EVENTS: Final = 512
SLICE_BYTES: Final = 16_777_216

_C = SCHEDULED.c
_ROW = [SCHEDULED.c[column.name] for column in ROW_COLUMNS]
_WAITING = sa.select(_C.number, _C.due_us, *_ROW[KEY_COLUMNS:])
_NAMES = [column.name for column in ROW_COLUMNS]
_SIZE = sa.func.coalesce(sa.func.octet_length(_C.data), 0)
_ORDER = (_C.due_us, _C.number)
_NEXT = sa.select(sa.func.min(_C.due_us))
_RECEIVED: Final = 10

Submit: TypeAlias = Callable[[Operation[Any], Done[Any]], None]
"""`Writer.submit`."""


class SqlDelayedStore:
    """Implements `scheduling.ports.DelayedStore`."""

    def __init__(self, waiting: int, next_us: int | None, reader: Reader, submit: Submit) -> None:
        self.waiting = waiting
        self.next_us = next_us
        self._reader = reader
        self._submit = submit

    @staticmethod
    def standing() -> sa.Select[int, Any]:
        """How many wait, and when the first one is due."""
        return sa.select(sa.func.count(), sa.func.min(_C.due_us)).select_from(SCHEDULED)

    def accept(self, held: Sequence[Held], done: Done[list[Standing]]) -> None:
        rows = [row for row, _ in held]
        self._submit(Operation(partial(_accept, held), rows), done)

    def fire(self, now_us: int, received_us: int, done: Done[Fired]) -> None:
        self._submit(Operation(partial(_fire, now_us, received_us)), done)

    def cancel(self, id_: str, source: str | None, done: Done[Waiting]) -> None:
        self._submit(Operation(partial(_cancel, id_, source)), done)

    async def get(self, id_: str, source: str) -> Waiting | None:
        async with self._reader.connection() as connection:
            found = map(_waiting, await connection.execute(_of_id(id_)))
            return next((each for each in found if each.event.source == source), None)

    async def find(
        self, query: WaitingFilter, *, limit: int, after: tuple[int, int] | None
    ) -> WaitingPage:
        pattern = None if query.pattern is None else parse_pattern(query.pattern)
        page: list[Waiting] = []
        size = 0
        async with self._reader.connection() as connection:
            while True:
                found = list(await connection.execute(_search(query, after)))
                chosen: list[int] = []
                for number, due_us, type_, bytes_ in found:
                    if pattern is not None and not matches(pattern, type_):
                        continue
                    if after is not None and (
                        len(page) + len(chosen) == limit or size >= SLICE_BYTES
                    ):
                        page += await self._at(connection, chosen)
                        return WaitingPage(page, after)
                    chosen.append(number)
                    after = (due_us, number)
                    size += bytes_
                page += await self._at(connection, chosen)
                if len(found) < SLICE_EVENTS:
                    return WaitingPage(page, None)
                after = (found[-1].due_us, found[-1].number)

    async def _at(self, connection: AsyncConnection, numbers: Sequence[int]) -> list[Waiting]:
        """Those of these that still wait."""
        found = _WAITING.where(_C.number.in_(numbers)).order_by(*_ORDER)
        return [_waiting(row) for row in await connection.execute(found)]


async def _accept(held: Sequence[Held], tx: GroupCommit) -> list[Standing]:
    """Those for now go into the log first, so that a twin for later finds them there."""
    offsets = iter(await tx.append([row for row, due_us in held if not due_us]))
    at_once = {i: next(offsets) for i, (_, due_us) in enumerate(held) if not due_us}
    waiting = await _waiting_twins(tx, [row for row, due_us in held if due_us])
    new: list[dict[str, Any]] = []
    standings: list[Standing] = []
    for i, (row, due_us) in enumerate(held):
        if not due_us:
            standing = Standing(abs(at_once[i]), duplicate=at_once[i] < 0)
        elif (known := waiting.get(name_of(row))) is not None:
            standing = Standing(0, known, duplicate=True)
        elif (offset := await tx.find(row)) is not None:
            standing = Standing(offset, duplicate=True)
        else:
            waiting[name_of(row)] = due_us
            new.append({"due_us": due_us, **dict(zip(_NAMES, row, strict=True))})
            standing = Standing(0, due_us)
        standings.append(standing)
    if new:
        await tx.execute(sa.insert(SCHEDULED), new)
    return standings


async def _waiting_twins(tx: GroupCommit, rows: Sequence[Row]) -> dict[Name, int]:
    """When the events with the source and id of one of these rows are due, where they wait."""
    due: dict[Name, int] = {}
    for start in range(0, len(rows), SLICE_EVENTS):
        keys = [row[0] for row in rows[start : start + SLICE_EVENTS]]
        twins = sa.select(_C.source, _C.id, _C.due_us).where(_C.id_key.in_(keys))
        due |= {(source, id_): due_us for source, id_, due_us in await tx.execute(twins)}
    return due


async def _fire(now_us: int, received_us: int, tx: GroupCommit) -> Fired:
    due = sa.select(_C.number, _SIZE).where(_C.due_us <= now_us).order_by(*_ORDER)
    numbers = list(_bounded(await tx.execute(due.limit(SLICE_EVENTS))))
    chosen = _C.number.in_(numbers)
    taken = await tx.execute(sa.select(_C.due_us, *_ROW).where(chosen).order_by(*_ORDER))
    await tx.execute(sa.delete(SCHEDULED).where(chosen))
    rows: list[Row] = [(*row[:_RECEIVED], received_us, *row[_RECEIVED + 1 :]) for _, *row in taken]
    offsets = await tx.append(rows)
    dues = [row.due_us for row in taken]
    events = [FiredEvent(*each) for each in zip(rows, offsets, dues, strict=True)]
    return Fired(events, (await tx.execute(_NEXT))[0][0])


def _bounded(due: Iterable[tuple[int, int]]) -> Iterable[int]:
    """Numbers of a slice: one at least, and no more data than fits well into memory."""
    size = 0
    for number, data_bytes in due:
        if size and size + data_bytes > SLICE_BYTES:
            return
        size += data_bytes
        yield number


async def _cancel(id_: str, source: str | None, tx: GroupCommit) -> Waiting:
    found = [_waiting(row) for row in await tx.execute(_of_id(id_))]
    if source is not None:
        found = [each for each in found if each.event.source == source]
    if not found:
        raise ScheduledEventNotFoundError(f"no event {id_[:256]!r} waits", where=id_[:256])
    if len(found) > 1:
        detail = f"{len(found)} sources have an event with this id: name one"
        raise InvalidQueryError(detail, where="source")
    await tx.execute(sa.delete(SCHEDULED).where(_C.number == found[0].number))
    return found[0]


def _of_id(id_: str) -> sa.Select[Any]:
    return _WAITING.where(_C.id_key == id_key(id_), _C.id == id_)


def _waiting(row: Sequence[Any]) -> Waiting:
    number, due_us, *event = row
    return Waiting(number, due_us, Event(0, *event))


def _search(query: WaitingFilter, after: tuple[int, int] | None) -> sa.Select[Any]:
    """Number, due, type and bytes of what may be wanted, a bounded number of them."""
    chosen = sa.select(_C.number, _C.due_us, _C.type, _SIZE).order_by(*_ORDER).limit(SLICE_EVENTS)
    if query.since_us is not None:
        chosen = chosen.where(_C.due_us >= query.since_us)
    if query.until_us is not None:
        chosen = chosen.where(_C.due_us < query.until_us)
    if query.source is not None:
        chosen = chosen.where(_C.source_key == source_key(query.source), _C.source == query.source)
    if query.subject is not None:
        key = subject_key(query.subject)
        chosen = chosen.where(_C.subject_key == key, _C.subject == query.subject)
    if after is not None:
        due_us, number = after
        same = sa.and_(_C.due_us == due_us, _C.number > number)
        chosen = chosen.where(_C.due_us >= due_us, sa.or_(_C.due_us > due_us, same))
    return chosen
