"""Stored events, looked up: the `History` of a log on a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.sql.reader import MAX_SLICE_BYTES, Reader
from event_system.eventlog.sql.search import Progress, Search, first_received
from event_system.eventlog.wanted import Wanted, wanted_of
from event_system.events.event import Event
from event_system.events.ports import PAGE_SECONDS, Filter, Page
from event_system.kernel.lanes import id_key
from event_system.sql.tables.log import EVENTS


class SqlHistory:
    """Implements `events.ports.History`.

    A page may hold fewer events than asked for although more follow, where they are large.
    Raises `InvalidPatternError`, and what `Reader.connection` raises.
    """

    def __init__(self, reader: Reader, monotonic: Callable[[], float]) -> None:
        self._reader = reader
        self._monotonic = monotonic

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        wanted = wanted_of(query)
        async with self._reader.connection(replica=True) as connection:
            low, high = await self._bounds(connection, query, newest_first, cursor)
            search = self._search(connection, wanted, newest_first)
            seconds = PAGE_SECONDS if query.where else None
            return await page_of(search.events(low, high), limit, seconds, self._monotonic)

    async def among(self, offsets: Sequence[int], query: Filter, *, newest_first: bool) -> Page:
        wanted = wanted_of(query)
        async with self._reader.connection(replica=True) as connection:
            low, high = await self._bounds(connection, query, newest_first, None)
            chosen = [offset for offset in offsets if low <= offset <= high]
            search = self._search(connection, wanted, newest_first)
            found = search.among(chosen)
            return await page_of(found, max(1, len(chosen)), None, self._monotonic)

    async def get(self, id_: str, source: str | None = None) -> Event | None:
        terms = [EVENTS.c.id_key == id_key(id_), EVENTS.c.id == id_]
        if source is not None:
            terms.append(EVENTS.c.source == source)
        newest = sa.select(sa.func.max(EVENTS.c.offset + 0)).where(*terms)
        async with self._reader.connection() as connection:
            offset = await connection.scalar(newest)
            found = [] if offset is None else await self._reader.at(connection, [offset])
        return found[0] if found else None

    async def at(self, offset: int) -> Event | None:
        if not 1 <= offset <= self._reader.head():
            return None
        async with self._reader.connection() as connection:
            found = await self._reader.at(connection, [offset])
        return found[0] if found else None

    def _search(self, connection: AsyncConnection, wanted: Wanted, newest_first: bool) -> Search:
        return Search(
            self._reader, connection, wanted, newest_first=newest_first, monotonic=self._monotonic
        )

    async def _bounds(
        self, connection: AsyncConnection, query: Filter, newest_first: bool, cursor: int | None
    ) -> tuple[int, int]:
        """The offsets, both inclusive, among which the page lies."""
        low, high = 1, await self._reader.known(connection)
        if query.since_us is not None:
            low = await first_received(connection, query.since_us, high)
        if query.until_us is not None:
            high = await first_received(connection, query.until_us, high) - 1
        low = max(low, query.after + 1)
        if query.through is not None:
            high = min(high, query.through)
        if cursor is None:
            return low, high
        return (low, min(high, cursor - 1)) if newest_first else (max(low, cursor + 1), high)


async def page_of(
    found: AsyncIterator[Progress],
    limit: int,
    seconds: float | None,
    monotonic: Callable[[], float],
) -> Page:
    """As soon as the page is full, or the time over; what follows is not looked at.

    What was read is looked at to its end, however long that took.
    """
    end = None if seconds is None else monotonic() + seconds
    page: list[Event] = []
    size = 0
    async for event, through in found:
        if event is not None:
            if len(page) == limit or size >= MAX_SLICE_BYTES:
                return Page(page, page[-1].offset)
            page.append(event)
            size += len(event.raw or b"")
            if end is not None and len(page) == limit:
                return Page(page, through)
        elif end is not None and monotonic() >= end:
            return Page(page, through)
    return Page(page, None)
