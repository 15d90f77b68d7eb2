"""The table of failed deliveries: parked, blocking and dead ones.

`RetryTable` is its SQL, on a connection that the caller owns; `RetryRows` (retry_rows.py) calls it
from the event loop. An index by time, (listener, state, at_us, offset), serves what is due, lists
and counts, one by offset the history; so nothing is ever scanned that is not asked for. Numbers by
state are kept by triggers.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import apsw

from event_system.database.failures import LOOKS, Entry, at_offsets, counted, page, walked
from event_system.delivery.ports import (
    RETRYING,
    Counts,
    Due,
    Failed,
    FailedFilter,
    Failure,
    FailurePage,
    Parked,
    Place,
    Selection,
    Step,
)
from event_system.delivery.verdicts import ENDED

_DDL = """
CREATE TABLE IF NOT EXISTS {t} (
    id INTEGER PRIMARY KEY,
    offset INTEGER NOT NULL,
    listener TEXT NOT NULL,
    lane INTEGER NOT NULL,
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    first_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT NOT NULL,
    UNIQUE (offset, listener)
);
CREATE INDEX IF NOT EXISTS {t}_at ON {t} (listener, state, at_us, offset);
CREATE INDEX IF NOT EXISTS {t}_offset ON {t} (listener, state, offset);
CREATE TABLE IF NOT EXISTS {t}_counts (
    listener TEXT NOT NULL,
    state TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (listener, state)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS {t}_clock (id INTEGER PRIMARY KEY CHECK (id = 1), us INTEGER NOT NULL);
INSERT OR IGNORE INTO {t}_clock VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS {t}_added AFTER INSERT ON {t} BEGIN
    INSERT INTO {t}_counts VALUES (new.listener, new.state, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER IF NOT EXISTS {t}_removed AFTER DELETE ON {t} BEGIN
    UPDATE {t}_counts SET number = number - 1
    WHERE listener = old.listener AND state = old.state;
END;
CREATE TRIGGER IF NOT EXISTS {t}_changed AFTER UPDATE OF state ON {t}
WHEN new.state <> old.state BEGIN
    UPDATE {t}_counts SET number = number - 1
    WHERE listener = old.listener AND state = old.state;
    INSERT INTO {t}_counts VALUES (new.listener, new.state, 1)
    ON CONFLICT DO UPDATE SET number = number + 1;
END;
"""
_RECORD = """
INSERT INTO {t} (listener, offset, lane, type, state, attempts, at_us, error, traceback,
    first_us, last_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (offset, listener) DO UPDATE
SET state = excluded.state, attempts = excluded.attempts, at_us = excluded.at_us,
    error = excluded.error, traceback = excluded.traceback, last_us = excluded.last_us
"""
_AGAIN = """
UPDATE {t} SET state = ?, attempts = ?, at_us = ?, error = ?, traceback = ?, last_us = ?
WHERE offset = ? AND listener = ?
"""
_DONE = "DELETE FROM {t} WHERE listener = ? AND offset = ?"
_DUE = """
SELECT offset, attempts, error = ? FROM {t}
WHERE listener = ? AND state = 'retrying' AND at_us <= ? ORDER BY at_us, offset LIMIT ?
"""
_NEXT = "SELECT min(at_us) FROM {t} WHERE listener = ? AND state = 'retrying' AND at_us > ?"
_FIELDS = (
    "listener, offset, lane, type, state, attempts, at_us, error, traceback, first_us, last_us"
)
_OF = "SELECT {f} FROM {t} WHERE offset = ? ORDER BY listener"
_OFFSETS = "SELECT DISTINCT offset FROM {t} WHERE offset BETWEEN ? AND ?"
_UPWARD = """
SELECT offset, listener, state FROM {t}
WHERE listener = ? AND state = ? AND offset >= ? ORDER BY offset LIMIT ?
"""
_DOWNWARD = """
SELECT offset, listener, state FROM {t}
WHERE listener = ? AND state = ? AND offset <= ? ORDER BY offset DESC LIMIT ?
"""
_AMONG = """
SELECT offset, listener, state FROM {t} WHERE offset IN (SELECT value FROM json_each(?))
"""
_AFTER = "SELECT {plain} FROM {t} WHERE offset > ?"
_BETWEEN = """
SELECT {plain} FROM {t} WHERE +listener = ? AND offset > ? AND offset <= ? ORDER BY offset LIMIT ?
"""
_BY_ID = "SELECT {f} FROM {t} WHERE id = ?"
_COUNTS = """
SELECT listener, state, number, (
    SELECT first_us FROM {t} f
    WHERE c.state <> 'dead' AND f.listener = c.listener AND f.state = c.state
    ORDER BY f.offset LIMIT 1
) FROM {t}_counts c WHERE number > 0
"""
_RISING = """
SELECT at_us, offset, listener, id, type FROM {t}
WHERE listener = :listener AND state = :state AND at_us < :until
AND (at_us, offset) > (:at, :offset) ORDER BY at_us, offset
"""
_FALLING = """
SELECT at_us, offset, listener, id, type FROM {t}
WHERE listener = :listener AND state = :state AND at_us >= :since
AND (at_us, offset) < (:at, :offset) ORDER BY at_us DESC, offset DESC
"""
_AT_OFFSETS = """
SELECT at_us, offset, listener, id, type FROM {t}
WHERE offset IN (SELECT value FROM json_each(?)) AND state = ?
"""
_REQUEUE = """
UPDATE {t} SET state = 'retrying', attempts = 0, at_us = ?
WHERE id IN (SELECT value FROM json_each(?))
"""
_DISCARD = "DELETE FROM {t} WHERE id IN (SELECT value FROM json_each(?))"
_PARKED_AT = "CASE attempts WHEN 0 THEN at_us ELSE last_us END"
_REWIND = f"""
UPDATE {{t}} SET at_us = :now + at_us - {_PARKED_AT}, last_us = min(last_us, :now)
WHERE id IN (SELECT value FROM json_each(:ids)) AND {_PARKED_AT} > :now
"""  # noqa: S608 - our own words
_LATEST = "SELECT us FROM {t}_clock"
_TICK = "UPDATE {t}_clock SET us = max(us, ?)"
_SET_BACK = "UPDATE {t}_clock SET us = ?"


class RetryTable:
    """The table `name` and its SQL. Callers hold the transactions."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ddl = self._sql(_DDL)
        self._record, self._again, self._done = map(self._sql, (_RECORD, _AGAIN, _DONE))
        self._due, self._next, self._counts = map(self._sql, (_DUE, _NEXT, _COUNTS))
        self._of, self._after, self._by_id = map(self._sql, (_OF, _AFTER, _BY_ID))
        self._rising, self._falling, self._at = map(self._sql, (_RISING, _FALLING, _AT_OFFSETS))
        self._offsets, self._between = self._sql(_OFFSETS), self._sql(_BETWEEN)
        self._requeue, self._discard = map(self._sql, (_REQUEUE, _DISCARD))
        self._upward, self._downward, self._among = map(self._sql, (_UPWARD, _DOWNWARD, _AMONG))
        self._rewind, self._latest = map(self._sql, (_REWIND, _LATEST))
        self._tick, self._set_back = map(self._sql, (_TICK, _SET_BACK))

    def _sql(self, text: str) -> str:
        plain = _FIELDS.replace("traceback", "''")
        return text.format(t=self._name, f=_FIELDS, plain=plain)

    def create(self, connection: apsw.Connection) -> None:
        connection.execute(self._ddl)

    def counts(self, connection: apsw.Connection) -> dict[str, Counts]:
        return counted(connection.execute(self._counts))

    def latest_us(self, connection: apsw.Connection) -> int:
        return int(connection.execute(self._latest).get)

    # One by one

    def record(self, connection: apsw.Connection, failures: Sequence[Failure]) -> None:
        """Keep failures, new or known."""
        connection.executemany(self._record, [_values(f) for f in failures])
        self._note_time(connection, failures)

    def _note_time(self, connection: apsw.Connection, failures: Sequence[Failure]) -> None:
        if failures:
            connection.execute(self._tick, (max(f.last_us for f in failures),))

    def settle(
        self,
        connection: apsw.Connection,
        failures: Sequence[Failure],
        done: Iterable[tuple[str, int]],
    ) -> None:
        """Keep what became of known failures."""
        connection.executemany(self._again, [_changes(f) for f in failures])
        self._note_time(connection, failures)
        connection.executemany(self._done, done)

    def due(self, connection: apsw.Connection, listener: str, now_us: int, limit: int) -> Due:
        rows = connection.execute(self._due, (ENDED, listener, now_us, limit))
        parked = [Parked(at, attempts, bool(cut_off)) for at, attempts, cut_off in rows]
        return Due(parked, connection.execute(self._next, (listener, now_us)).get)

    def of(self, connection: apsw.Connection, offset: int) -> list[Failure]:
        return [Failure(*row) for row in connection.execute(self._of, (offset,))]

    def after(self, connection: apsw.Connection, offset: int) -> list[Failure]:
        return [Failure(*row) for row in connection.execute(self._after, (offset,))]

    def offsets(self, connection: apsw.Connection, first: int, last: int) -> list[int]:
        return [offset for (offset,) in connection.execute(self._offsets, (first, last))]

    def between(
        self, connection: apsw.Connection, listener: str, after: int, through: int, limit: int
    ) -> list[Failure]:
        rows = connection.execute(self._between, (listener, after, through, limit))
        return [Failure(*row) for row in rows]

    # By the place of their events

    def among(self, connection: apsw.Connection, offsets: Iterable[int]) -> list[Failed]:
        rows = connection.execute(self._among, (json.dumps(list(offsets)),))
        return [Failed(*row) for row in rows]

    def walk(
        self, connection: apsw.Connection, wanted: FailedFilter, limit: int, *, newest_first: bool
    ) -> list[Failed]:
        names = self.counts(connection) if wanted.listener is None else [wanted.listener]
        sql = self._downward if newest_first else self._upward
        cursors = [
            connection.execute(sql, (name, state, wanted.start, limit))
            for name in names
            for state in wanted.states
        ]
        rows = islice(heapq.merge(*cursors, reverse=newest_first), limit)
        return [Failed(*row) for row in rows]

    # Many, in bounded steps

    def find(
        self,
        connection: apsw.Connection,
        wanted: Selection,
        limit: int,
        after: Place | None,
        *,
        newest_first: bool,
    ) -> FailurePage:
        end, entries = self._walk(connection, wanted, LOOKS, after, newest_first)
        chosen, following = page(end, entries, limit)
        failures = [Failure(*connection.execute(self._by_id, (e[3],)).get) for e in chosen]
        return FailurePage(failures, following)

    def count(
        self, connection: apsw.Connection, wanted: Selection, limit: int, after: Place | None
    ) -> Step:
        seen, entries = self._walk(connection, wanted, limit, after)
        return Step(len(entries), seen)

    def requeue(
        self,
        connection: apsw.Connection,
        wanted: Selection,
        now_us: int,
        limit: int,
        after: Place | None,
    ) -> Step:
        seen, entries = self._walk(connection, wanted, limit, after)
        connection.execute(self._requeue, (now_us, json.dumps([e[3] for e in entries])))
        connection.execute(self._tick, (now_us,))
        return Step(len(entries), seen)

    def discard(
        self, connection: apsw.Connection, wanted: Selection, limit: int, after: Place | None
    ) -> Step:
        seen, entries = self._walk(connection, wanted, limit, after)
        connection.execute(self._discard, (json.dumps([e[3] for e in entries]),))
        return Step(len(entries), seen)

    def rewind(
        self, connection: apsw.Connection, now_us: int, limit: int, after: Place | None
    ) -> Step:
        late = Selection(state=RETRYING, since_us=now_us)
        seen, entries = self._walk(connection, late, limit, after)
        values = {"now": now_us, "ids": json.dumps([e[3] for e in entries])}
        connection.execute(self._rewind, values)
        number = connection.changes()
        if seen is None:
            connection.execute(self._set_back, (now_us,))
        return Step(number, seen)

    def _walk(
        self,
        connection: apsw.Connection,
        wanted: Selection,
        limit: int,
        after: Place | None,
        newest_first: bool = False,
    ) -> tuple[Place | None, list[Entry]]:
        """Where the walk over up to `limit` entries ended (None: all seen), and the chosen."""
        if wanted.offsets is not None:
            values = json.dumps(sorted(wanted.offsets)), wanted.state
            found = connection.execute(self._at, values)
            return None, at_offsets(found, wanted, newest_first=newest_first)
        return walked(self._entries(connection, wanted, after, newest_first), wanted, limit)

    def _entries(
        self,
        connection: apsw.Connection,
        wanted: Selection,
        after: Place | None,
        newest_first: bool,
    ) -> Iterator[Entry]:
        names = self.counts(connection) if wanted.listener is None else [wanted.listener]
        sql = self._falling if newest_first else self._rising
        cursors = [
            connection.execute(sql, _bounds(wanted, name, after, newest_first)) for name in names
        ]
        return heapq.merge(*cursors, reverse=newest_first)


def _bounds(
    wanted: Selection, listener: str, after: Place | None, newest_first: bool
) -> dict[str, Any]:
    """Parameters of one listener's part of a walk; its own places are (at_us, offset)."""
    found: dict[str, Any] = {"listener": listener, "state": wanted.state}
    found |= {"since": wanted.since_us, "until": wanted.until_us}
    if after is None:
        at, offset = (wanted.until_us, 0) if newest_first else (wanted.since_us, 0)
    else:
        at, offset, last = after
        if newest_first and listener < last:
            offset += 1
        elif not newest_first and listener > last:
            offset -= 1
    return {**found, "at": at, "offset": offset}


def _values(f: Failure) -> tuple[Any, ...]:
    return (
        *(f.listener, f.offset, f.lane, f.type, f.state, f.attempts, f.at_us),
        *(f.error, f.traceback, f.first_us, f.last_us),
    )


def _changes(f: Failure) -> tuple[Any, ...]:
    return f.state, f.attempts, f.at_us, f.error, f.traceback, f.last_us, f.offset, f.listener
