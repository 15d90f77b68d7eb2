"""The parts of the table `events`: made ahead of the log, dropped once all in them may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.sql.database import Database
from event_system.sql.tables.log import EVENTS, LOG

SMALLEST, LARGEST = 100_000, 1_000_000
"""Events in a partition: about a day's. The indexes of one that is written to, which its hashed
keys are scattered over, should fit into the server's memory."""

MARGIN = SMALLEST // 2
"""A partition is made when there is room for fewer events than this."""

_DAY_US = 86_400_000_000
_ALTER_SECONDS = 10
_DROP_SECONDS = 2
_LOCK = "event-system partitions of {}"

MYSQL_END = """
SELECT max(CAST(partition_description AS UNSIGNED)) - 1 FROM information_schema.partitions
WHERE table_schema = DATABASE() AND table_name = 'events'
"""
"""The last offset for which there is a partition."""

POSTGRES_END = """
SELECT max((regexp_match(pg_get_expr(part.relpartbound, part.oid), 'TO [^0-9]*([0-9]+)'))[1]::BIGINT) - 1
FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = 'events'::regclass
"""
_MYSQL_PARTS = """
SELECT partition_name, data_length + index_length FROM information_schema.partitions
WHERE table_schema = DATABASE() AND table_name = 'events'
"""
_POSTGRES_PARTS = """
SELECT part.relname, pg_total_relation_size(part.oid) FROM pg_inherits
JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = 'events'::regclass
"""


class Part(NamedTuple):
    """A partition: the offsets that it is for, both inclusive, and its bytes on the disk."""

    first: int
    last: int
    size: int


class Partitions:
    """Of one log. Any node may make or drop them, at any time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def extend(self, margin: int) -> int:
        """Make a partition if there is room for fewer events than `margin`; the end of the room.

        Raises `StorageError`.
        """
        if self._database.dialect == "postgresql":
            return await self._extend_postgres(margin)
        return await self._extend_mysql(margin)

    async def _extend_postgres(self, margin: int) -> int:
        async with self._database.transaction() as connection:
            head, room = await _ends(connection, locked=True)
            if room - head >= margin:
                return room
            end = room + await _size(connection, head)
            name = f"events_{room + 1}"
            # Attaching one lets everybody read and append meanwhile, which creating it would not.
            await connection.execute(sa.text(f"CREATE TABLE {name} (LIKE events)"))
            bounds = f"FROM ({room + 1}) TO ({end + 1})"
            await connection.execute(
                sa.text(f"ALTER TABLE events ATTACH PARTITION {name} FOR VALUES {bounds}")
            )
            await connection.execute(sa.update(LOG).values(room=end))
        return end

    async def _extend_mysql(self, margin: int) -> int:
        """What ALTER has done stands at once: another attempt goes on from there."""
        async with self._database.transaction() as connection:
            lock = _LOCK.format(self._database.dsn.database)[:64]
            await connection.execute(sa.select(sa.func.get_lock(lock, _ALTER_SECONDS)))
            try:
                return await self._extended(connection, margin)
            finally:
                await connection.execute(sa.select(sa.func.release_lock(lock)))

    async def _extended(self, connection: AsyncConnection, margin: int) -> int:
        head, room = await _ends(connection, locked=False)
        end = int(await connection.scalar(sa.text(MYSQL_END)))
        if end - head < margin:
            first, end = end + 1, end + await _size(connection, head)
            await connection.execute(sa.text(f"SET SESSION lock_wait_timeout = {_ALTER_SECONDS}"))
            part = f"PARTITION events_{first} VALUES LESS THAN ({end + 1})"
            await connection.execute(sa.text(f"ALTER TABLE events ADD PARTITION ({part})"))
        if end > room:
            await connection.execute(sa.update(LOG).where(LOG.c.room < end).values(room=end))
        return end

    async def all(self) -> list[Part]:
        """Every partition, the oldest first."""
        on_postgres = self._database.dialect == "postgresql"
        found = sa.text(_POSTGRES_PARTS if on_postgres else _MYSQL_PARTS)
        async with self._database.read() as connection:
            _, room = await _ends(connection, locked=False)
            names = [(str(name), int(size)) for name, size in await connection.execute(found)]
        parts = sorted((int(name.removeprefix("events_")), size) for name, size in names)
        firsts = [first for first, _ in parts]
        lasts = [first - 1 for first in firsts[1:]] + [max(room, firsts[-1])]
        return [Part(first, last, size) for (first, size), last in zip(parts, lasts, strict=True)]

    async def drop(self, part: Part) -> None:
        """Drop a partition with all that is in it, unless somebody reads it for too long.

        Raises `StorageError`; then it stands as it was.
        """
        name = f"events_{part.first}"
        if self._database.dialect == "postgresql":
            async with self._database.transaction() as connection:
                await connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_DROP_SECONDS}s'"))
                # In the order in which an append takes its locks.
                await connection.execute(_floor(part.last))
                await connection.execute(sa.text(f"DROP TABLE {name}"))
            return
        async with self._database.transaction() as connection:
            await connection.execute(_floor(part.last))
        async with self._database.transaction() as connection:
            await connection.execute(sa.text(f"SET SESSION lock_wait_timeout = {_DROP_SECONDS}"))
            await connection.execute(sa.text(f"ALTER TABLE events DROP PARTITION {name}"))

    async def delete(self, first: int, last: int, held: Sequence[int]) -> int:
        """Delete these events but for the held ones; how many there were."""
        at = EVENTS.c.offset
        rows = sa.delete(EVENTS).where(at >= first, at <= last, at.not_in(held))

        async def work(connection: AsyncConnection) -> int:
            deleted = (await connection.execute(rows)).rowcount
            await connection.execute(_floor(last))
            return deleted

        return await self._database.perform(work)


def _floor(last: int) -> sa.Update:
    return sa.update(LOG).where(LOG.c.floor < last).values(floor=last)


async def _ends(connection: AsyncConnection, *, locked: bool) -> tuple[int, int]:
    """The newest offset, and the last one for which there is room."""
    ends = sa.select(LOG.c.head, LOG.c.room)
    row = (await connection.execute(ends.with_for_update() if locked else ends)).one()
    return row.head, row.room


async def _size(connection: AsyncConnection, head: int) -> int:
    """About as many events as a day brings, judged by the last ones."""
    of_last = sa.select(LOG.c.received_us).scalar_subquery()
    earlier = (
        sa.select(of_last - EVENTS.c.received_us)
        .where(EVENTS.c.offset > head - SMALLEST)
        .order_by(EVENTS.c.offset)
        .limit(1)
    )
    took_us = await connection.scalar(earlier)
    if head < SMALLEST or not took_us:
        return SMALLEST
    return max(SMALLEST, min(LARGEST, SMALLEST * _DAY_US // int(took_us)))
