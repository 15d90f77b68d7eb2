"""The state on a server as a verification reads and mends it; nodes may be at work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from event_system.consistency.kinds import (
    CURSOR_AHEAD,
    CURSOR_LANE,
    CURSOR_UNKNOWN,
    FAILURE_COUNTS,
    FAILURE_DIFFERS,
    FAILURE_EVENT,
    FAILURE_STATE,
    FAILURE_TIME,
    REPLAY_UNREADABLE,
    Finding,
    Kind,
)
from event_system.consistency.ports import CountKey, Failed, Named, Position, ReplayFound
from event_system.database.readable import found_replay, found_type
from event_system.database.sql.many import Upsert, added
from event_system.database.sql.retries import ServerFailures
from event_system.delivery.ports import DEAD
from event_system.sql.tables.log import LOG
from event_system.sql.tables.state import (
    BATCH_CURSORS,
    CURSORS,
    EVENT_TYPES,
    FAILURES,
    LISTENERS,
    PROGRESS,
    REPLAYS,
)
from event_system.sql.tables.state import (
    FAILURE_COUNTS as COUNTS,
)

PART: Final = 1_000
F, C = FAILURES.c, COUNTS.c
_FAILURES = sa.select(
    F.id, F.batched, F.listener, F.offset, F.lane, F.type, F.state, F.at_us
).order_by(F.id)
_COUNT: Final = Upsert(
    COUNTS,
    ("batched", "listener", "state", "number"),
    ("batched", "listener", "state"),
    number=added,
)


class SqlStateStore:
    """Implements `consistency.ports.StateStore`.

    `snapshot` is REPEATABLE READ, `reading` in autocommit, `writing` READ COMMITTED. Raises what
    the driver raises.
    """

    def __init__(
        self,
        snapshot: sa.Connection,
        reading: sa.Connection,
        writing: sa.Connection,
        now_us: Callable[[], int],
    ) -> None:
        self._snapshot = snapshot
        self._reading = reading
        self._writing = writing
        self._now_us = now_us

    def listeners(self) -> set[str]:
        return set(self._snapshot.scalars(sa.select(LISTENERS.c.name)))

    def positions(self) -> Sequence[Position]:
        look = self._snapshot.execute
        shown = list(self._snapshot.scalars(sa.select(PROGRESS.c.routed)))
        found = [Position("shown", "", None, routed) for routed in shown]
        for row in look(sa.select(CURSORS)):
            offset = max(row.offset, *shown) if row.caught_up and shown else row.offset
            found.append(Position("cursor", row.listener, row.lane, offset))
        starts = look(sa.select(LISTENERS))
        found += [Position("start", row.name, None, row.start) for row in starts]
        for row in look(sa.select(BATCH_CURSORS)):
            what = "replay" if row.mark else "batch"
            found.append(Position(what, row.listener, None, row.offset))
        return found

    def counts(self) -> Mapping[CountKey, int]:
        rows = self._snapshot.execute(sa.select(C.batched, C.listener, C.state, C.number))
        return {(_place(row), row.listener, row.state): row.number for row in rows}

    def failures(self) -> Iterator[Sequence[Failed]]:
        last = -1
        while rows := self._snapshot.execute(_FAILURES.where(F.id > last).limit(PART)).all():
            yield [_failed(row) for row in rows]
            last = rows[-1].id

    def still(self, failures: Sequence[Failed]) -> Sequence[Failed]:
        offsets = sorted({failure.offset for failure in failures})
        rows = self._reading.execute(_FAILURES.where(F.offset.in_(offsets)))
        standing = {(each.place, each.listener, each.offset) for each in map(_failed, rows)}
        return [f for f in failures if (f.place, f.listener, f.offset) in standing]

    def replays(self) -> Iterable[ReplayFound]:
        c = REPLAYS.c
        rows = self._snapshot.execute(sa.select(c.id, c.listener, c.content).order_by(c.id))
        return [found_replay(*row) for row in rows]

    def types(self) -> Iterable[Named]:
        rows = self._snapshot.execute(sa.select(EVENT_TYPES).order_by(EVENT_TYPES.c.name))
        return [found_type(row.name, row.entry) for row in rows]

    def faults(self) -> Iterable[Finding]:
        return ()

    def mend(self, kind: Kind, keys: Sequence[Any]) -> None:
        with self._writing.begin():
            if kind is FAILURE_TIME:
                _due(self._writing, keys, self._now_us())
            else:
                _MENDS[kind](self._writing, keys)


def _place(row: Any) -> str:
    return row.listener if row.batched else ""


def _failed(row: Any) -> Failed:
    return Failed(_place(row), row.listener, row.offset, row.lane, row.type, row.state, row.at_us)


def _of(failure: Failed) -> tuple[sa.ColumnElement[bool], ...]:
    """Its row, unless a node has changed it meanwhile."""
    return (
        F.offset == failure.offset,
        F.listener == failure.listener,
        F.batched == sa.literal(bool(failure.place)),
        F.state == failure.state,
        F.at_us == failure.at_us,
    )


def _move_back(connection: sa.Connection, _keys: Sequence[Any]) -> None:
    """While the log is locked nobody can get beyond its end."""
    head = connection.execute(sa.select(LOG.c.head).with_for_update()).scalar_one()
    for column in (CURSORS.c.offset, BATCH_CURSORS.c.offset, LISTENERS.c.start, PROGRESS.c.routed):
        beyond = column.table.update().where(column > head)
        connection.execute(beyond.values({column.name: head}))


def _drop_cursors(connection: sa.Connection, keys: Sequence[Any]) -> None:
    for listener, lane in keys:
        mine = CURSORS.c.listener == listener, CURSORS.c.lane == lane
        connection.execute(CURSORS.delete().where(*mine))


def _make_known(connection: sa.Connection, keys: Sequence[Any]) -> None:
    rows = [{"name": listener, "start": start} for listener, start in keys]
    Upsert(LISTENERS, ("name", "start"), ("name",)).run(connection, rows)


def _drop_replays(connection: sa.Connection, keys: Sequence[Any]) -> None:
    connection.execute(REPLAYS.delete().where(REPLAYS.c.id.in_(keys)))


def _drop_failures(connection: sa.Connection, keys: Sequence[Any]) -> None:
    by_place: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for failure in keys:
        by_place[failure.place].append((failure.listener, failure.offset))
    for place, gone in by_place.items():
        ServerFailures(place or None).settle(connection, (), gone)


def _correct(connection: sa.Connection, keys: Sequence[Any]) -> None:
    for failure, lane, type_ in keys:
        right = FAILURES.update().where(*_of(failure)).values(lane=lane, type=type_)
        connection.execute(right)


def _bury(connection: sa.Connection, keys: Sequence[Any]) -> None:
    for failure in keys:
        connection.execute(FAILURES.update().where(*_of(failure)).values(state=DEAD))
    _recount(connection, sorted({(failure.place, failure.listener) for failure in keys}))


def _due(connection: sa.Connection, keys: Sequence[Any], now_us: int) -> None:
    for failure in keys:
        connection.execute(FAILURES.update().where(*_of(failure)).values(at_us=now_us))


def _recount(connection: sa.Connection, keys: Sequence[Any]) -> None:
    """Whoever changes rows changes their number after that, in the same transaction.

    So while the numbers are locked, the rows that can be seen are those that have been counted.
    """
    for place, listener in dict.fromkeys(keys):
        batched = bool(place)
        mine = F.batched == sa.literal(batched), F.listener == listener
        of_mine = C.batched == sa.literal(batched), C.listener == listener
        states = sorted(connection.scalars(sa.select(F.state).where(*mine).distinct()))
        row = {"batched": batched, "listener": listener, "number": 0}
        _COUNT.run(connection, [{**row, "state": state} for state in states])
        locked = connection.scalars(sa.select(C.state).where(*of_mine).with_for_update()).all()
        counted = sa.select(F.state, sa.func.count()).where(*mine).group_by(F.state)
        numbers = {row[0]: row[1] for row in connection.execute(counted)}
        for state in locked:
            number = COUNTS.update().where(*of_mine, C.state == state)
            connection.execute(number.values(number=numbers.get(state, 0)))


_MENDS: Final[Mapping[Kind, Callable[[sa.Connection, Sequence[Any]], None]]] = {
    CURSOR_AHEAD: _move_back,
    CURSOR_LANE: _drop_cursors,
    CURSOR_UNKNOWN: _make_known,
    FAILURE_COUNTS: _recount,
    FAILURE_DIFFERS: _correct,
    FAILURE_EVENT: _drop_failures,
    FAILURE_STATE: _bury,
    REPLAY_UNREADABLE: _drop_replays,
}
