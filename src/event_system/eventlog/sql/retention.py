"""The old end of a log on a server: whole partitions are dropped, or a few events deleted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import sqlalchemy as sa

from event_system.eventlog.sql.partitions import Part, Partitions
from event_system.eventlog.sql.reader import Reader
from event_system.eventlog.sql.search import first_received
from event_system.sql.tables.log import EVENTS

CHUNK_EVENTS = 2_000


class Tables(Protocol):
    """A log whose events are in these tables."""

    reader: Reader
    partitions: Partitions

    @property
    def floor(self) -> int: ...
    @property
    def window_us(self) -> int: ...
    def forget(self, through: int) -> None: ...


class SqlOld:
    """Implements `eventlog.retention.Old`.

    A partition of which no event has to stay goes as a whole. So `max_size` is kept to the size
    of a partition at best, and as exactly as the server knows how large its tables are.
    """

    def __init__(self, log: Tables) -> None:
        self._log = log

    @property
    def head(self) -> int:
        return self._log.reader.head()

    @property
    def floor(self) -> int:
        return self._log.floor

    @property
    def window_us(self) -> int:
        return self._log.window_us

    async def last_before(self, us: int) -> int:
        async with self._log.reader.connection() as connection:
            return await first_received(connection, us, self.head) - 1

    async def bytes(self) -> int:
        """By share of the events that are left: deleting a few gives nothing back to the disk."""
        parts = await self._log.partitions.all()
        return sum(map(partial(_left, self.floor, self.head), parts))

    async def stretch(self, after: int, last: int) -> tuple[int, int] | None:
        at = EVENTS.c.offset
        async with self._log.reader.connection() as connection:
            first = await connection.scalar(sa.select(at).where(at > after).order_by(at).limit(1))
        if first is None or first > last:
            return None
        for part in await self._log.partitions.all():
            if part.first <= first <= part.last <= last:
                return first, part.last
        return first, min(first + CHUNK_EVENTS - 1, last)

    async def delete(self, first: int, last: int, held: Sequence[int]) -> int:
        parts = self._log.partitions
        for part in await parts.all():
            if not held and part.first <= first and part.last == last:
                async with self._log.reader.connection() as connection:
                    deleted = await connection.scalar(_count(part))
                await parts.drop(part)
                self._log.forget(last)
                return int(deleted or 0)
        deleted = 0
        for start in range(first, last + 1, CHUNK_EVENTS):
            end = min(start + CHUNK_EVENTS - 1, last)
            kept = [offset for offset in held if start <= offset <= end]
            deleted += await parts.delete(start, end, kept)
            self._log.forget(end)
        return deleted


def _left(floor: int, head: int, part: Part) -> int:
    """The bytes of what is left of a partition."""
    last = min(part.last, head)
    if last < part.first:
        return 0
    left = max(0, last - max(part.first - 1, floor))
    return part.size * left // (last - part.first + 1)


def _count(part: Part) -> sa.Select[int]:
    at = EVENTS.c.offset
    stored = sa.select(sa.func.count()).select_from(EVENTS)
    return stored.where(at >= part.first, at <= part.last)
