"""The log on a server as a verification reads and mends it; nodes may be at work.

Rows of the log never change, and become visible in their order: each statement stands for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from event_system.consistency.kinds import (
    LOG_END,
    LOG_FLOOR,
    LOG_ROOM,
    LOG_TYPES,
    WAITING_DELIVERED,
    Finding,
    Kind,
)
from event_system.consistency.ports import Bounds, Moved, Named, Part, Shadow, StoredRow, Waiting
from event_system.eventlog.readable import found_schedule
from event_system.eventlog.sql.commit import insert_types
from event_system.eventlog.sql.partitions import MYSQL_END, POSTGRES_END
from event_system.eventlog.sql.reader import SIZE, bounded
from event_system.kernel.errors import StorageError
from event_system.kernel.lanes import type_key
from event_system.sql.tables.log import EVENTS, LOG, ROW_COLUMNS, SCHEDULED, SCHEDULES, TYPES

PART_EVENTS: Final = 4096
PAUSE_SECONDS: Final = 0.25

_AT = EVENTS.c.offset
_ROWS = sa.select(_AT, *ROW_COLUMNS).order_by(_AT)
_W = SCHEDULED.c
_WAITING = sa.select(
    _W.number, _W.due_us, *(_W[column.name] for column in ROW_COLUMNS if column.name != "data")
)
_NEWEST = sa.select(_AT, EVENTS.c.received_us).order_by(_AT.desc()).limit(1)


class SqlLogStore:
    """Implements `consistency.ports.LogStore`.

    `reading` is in autocommit, `writing` READ COMMITTED. Where the tables follow a stream they are
    looked at for up to `looks` times, with pauses, until they have come far enough. Raises what the
    driver raises.
    """

    def __init__(self, reading: sa.Connection, writing: sa.Connection, *, looks: int = 1) -> None:
        self._reading = reading
        self._writing = writing
        self._looks = looks

    def bounds(self, reached: int = 0) -> Bounds:
        """The end is that of the events, where another one is noted."""
        bounds = self._bounds()
        for _ in range(1, self._looks):
            if bounds.head >= reached:
                break
            time.sleep(PAUSE_SECONDS)
            bounds = self._bounds()
        return bounds

    def _bounds(self) -> Bounds:
        newest = self._newest()
        found = self._reading.execute(sa.select(LOG.c.floor, LOG.c.head, LOG.c.lanes)).first()
        if found is None or (newest and not found.lanes):
            raise StorageError("the table `log` does not say where the log ends, or has no lanes")
        return Bounds(found.floor, max(found.head, newest), found.lanes)

    def _newest(self) -> int:
        found = self._reading.execute(_NEWEST).first()
        return 0 if found is None else int(found.offset)

    def part(self, after: int, through: int) -> Part:
        sized = sa.select(_AT, SIZE).where(after < _AT, through >= _AT)
        rows = self._reading.execute(sized.order_by(_AT).limit(PART_EVENTS))
        found = [(int(offset), int(size)) for offset, size in rows]
        if not found:
            return Part([], through)
        taken = bounded(found)
        reached = through if len(taken) < PART_EVENTS and len(taken) == len(found) else taken[-1]
        try:
            return Part(self._between(taken[0], taken[-1]), reached)
        except UnicodeDecodeError:
            return self._up_to_unreadable(taken)

    def _between(self, first: int, last: int) -> list[StoredRow]:
        chosen = _ROWS.where(first <= _AT, last >= _AT)
        return [tuple(row) for row in self._reading.execute(chosen)]

    def _up_to_unreadable(self, offsets: Sequence[int]) -> Part:
        rows: list[StoredRow] = []
        for offset in offsets:
            try:
                rows += self._between(offset, offset)
            except UnicodeDecodeError as error:
                return Part(rows, offset, str(error))
        return Part(rows, offsets[-1])

    def shadows(self, first: int, last: int) -> Sequence[Shadow]:
        return (_TypesShadow(self._reading),)

    def places(self, offsets: Sequence[int]) -> Mapping[int, tuple[int, str]]:
        chosen = sa.select(_AT, EVENTS.c.lane, EVENTS.c.type).where(_AT.in_(offsets))
        return {row[0]: (row[1], row[2]) for row in self._reading.execute(chosen)}

    def waiting(self) -> Iterator[Sequence[Waiting]]:
        number = -1
        while part := self._some_waiting(
            _WAITING.where(_W.number > number).order_by(_W.number).limit(PART_EVENTS)
        ):
            yield part
            number = part[-1].number

    def waiting_for(self, id_key: int) -> Sequence[Waiting]:
        return self._some_waiting(_WAITING.where(_W.id_key == id_key))

    def _some_waiting(self, chosen: sa.Select[Any]) -> Sequence[Waiting]:
        rows = self._reading.execute(chosen)
        return [Waiting(number, due_us, tuple(row)) for number, due_us, *row in rows]

    def schedules(self) -> Iterable[Named]:
        c = SCHEDULES.c
        rows = self._reading.execute(
            sa.select(c.name, c.definition, c.last_offset).order_by(c.name)
        )
        return [found_schedule(*row) for row in rows]

    def faults(self) -> Iterable[Finding]:
        newest = self._newest()  # before the end, which only grows
        self.bounds()
        floor, head = self._reading.execute(sa.select(LOG.c.floor, LOG.c.head)).one()
        if newest > head:
            yield Finding(LOG_END, f"offset {head}, the newest event is at {newest}")
        if floor > max(head, newest):
            yield Finding(LOG_FLOOR, f"the floor is {floor}, the log ends at {head}")
        room, end = self._reading.execute(_room(self._reading)).one()
        if room > end or (room < end and self._reading.dialect.name == "postgresql"):
            yield Finding(LOG_ROOM, f"offset {room}, the partitions end at {end}")

    def mend(self, kind: Kind, keys: Sequence[Any]) -> None:
        with self._writing.begin():
            _MENDS[kind](self._writing, keys)

    def finish(self, moved: Moved) -> None:
        """Nothing is put off."""


class _TypesShadow:
    """Implements `consistency.ports.Shadow`: patterns are resolved by the table of types."""

    def __init__(self, reading: sa.Connection) -> None:
        self._reading = reading
        self._known: set[tuple[str, int]] = set()

    def look(self, part: Part) -> Iterator[Finding]:
        unknown = {(row[6], type_key(row[6])) for row in part.rows} - self._known
        if not unknown:
            return
        rows = self._reading.execute(sa.select(TYPES.c.type, TYPES.c.type_key))
        self._known = {(type_, key) for type_, key in rows}
        for type_, key in sorted(unknown - self._known):
            yield Finding(LOG_TYPES, type_, (type_, key))
        self._known |= unknown


def _room(connection: sa.Connection) -> sa.TextClause:
    """The end of the partitions as it is noted, and as it is; of one moment."""
    end = POSTGRES_END if connection.dialect.name == "postgresql" else MYSQL_END
    return sa.text(f"SELECT (SELECT room FROM log), ({end})")  # noqa: S608 - our own words


def _lock(connection: sa.Connection) -> None:
    """Nobody appends until the transaction ends."""
    connection.execute(sa.select(LOG.c.head).with_for_update()).one()


def _mend_end(connection: sa.Connection, _keys: Sequence[Any]) -> None:
    _lock(connection)
    newest = connection.execute(_NEWEST).one()
    behind = sa.update(LOG).where(LOG.c.head < newest.offset)
    connection.execute(behind.values(head=newest.offset, received_us=newest.received_us))


def _mend_room(connection: sa.Connection, _keys: Sequence[Any]) -> None:
    _lock(connection)
    _, end = connection.execute(_room(connection)).one()
    connection.execute(sa.update(LOG).values(room=end))


def _mend_types(connection: sa.Connection, keys: Sequence[Any]) -> None:
    connection.execute(sa.delete(TYPES).where(TYPES.c.type.in_([type_ for type_, _ in keys])))
    rows = [{"type": type_, "type_key": key} for type_, key in keys]
    connection.execute(insert_types(connection.dialect.name), rows)


def _drop_waiting(connection: sa.Connection, keys: Sequence[Any]) -> None:
    connection.execute(sa.delete(SCHEDULED).where(_W.number.in_(keys)))


_MENDS: Final[Mapping[Kind, Callable[[sa.Connection, Sequence[Any]], None]]] = {
    LOG_END: _mend_end,
    LOG_ROOM: _mend_room,
    LOG_TYPES: _mend_types,
    WAITING_DELIVERED: _drop_waiting,
}
