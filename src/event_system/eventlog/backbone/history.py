"""Stored events, looked up: in the tables, and in memory what the tables do not have yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.backbone.young import Young
from event_system.eventlog.sql.history import SqlHistory
from event_system.events.event import Event
from event_system.events.ports import Filter, Page

Part: TypeAlias = Callable[[int], Awaitable[Page]]
"""Finds a page of that many events at most."""


class TailHistory:
    """Implements `events.ports.History`; `head` is the newest event that was told."""

    def __init__(
        self,
        tail: Tail,
        older: SqlHistory,
        head: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._tail = tail
        self._older = older
        self._head = head
        self._monotonic = monotonic

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        young = self._young()
        through = young.after if query.through is None else min(query.through, young.after)
        older_query = replace(query, through=through)
        older_cursor = None if newest_first and cursor and cursor > through else cursor

        async def in_memory(limit: int) -> Page:
            return await young.find(query, limit=limit, newest_first=newest_first, cursor=cursor)

        async def in_tables(limit: int) -> Page:
            return await self._older.find(
                older_query, limit=limit, newest_first=newest_first, cursor=older_cursor
            )

        if newest_first:
            return await _one_after_other(in_memory, in_tables, limit)
        return await _one_after_other(in_tables, in_memory, limit)

    async def among(self, offsets: Sequence[int], query: Filter, *, newest_first: bool) -> Page:
        young = self._young()
        older = [offset for offset in offsets if offset <= young.after]

        async def in_memory(_limit: int) -> Page:
            return await young.among(offsets, query, newest_first=newest_first)

        async def in_tables(_limit: int) -> Page:
            return await self._older.among(older, query, newest_first=newest_first)

        if newest_first:
            return await _one_after_other(in_memory, in_tables, len(offsets) + 1)
        return await _one_after_other(in_tables, in_memory, len(offsets) + 1)

    async def get(self, id_: str, source: str | None = None) -> Event | None:
        return self._young().get(id_, source) or await self._older.get(id_, source)

    async def at(self, offset: int) -> Event | None:
        return self._young().at(offset) or await self._older.at(offset)

    def _young(self) -> Young:
        return Young(self._tail, self._head(), self._monotonic)


async def _one_after_other(first: Part, second: Part, limit: int) -> Page:
    """A page of what both find; where the first fills it, the second only tells whether it ends."""
    page = await first(limit)
    if page.next is not None:
        return page
    left = limit - len(page.events)
    rest = await second(max(left, 1))
    if left > 0:
        return replace(rest, events=page.events + rest.events)
    is_end = rest.next is None and not rest.events
    return replace(page, next=None if is_end else page.events[-1].offset)
