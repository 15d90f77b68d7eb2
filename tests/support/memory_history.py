"""Stored events, looked up by looking at every one."""

from __future__ import annotations

from collections.abc import Sequence

from event_system.events.event import Event
from event_system.events.ports import Filter, Page
from event_system.kernel.patterns import matches, parse_pattern
from tests.support.memory_log import MemoryLog


class MemoryHistory:
    """Implements `History` by looking at every event.

    A search for conditions on data looks at `stride` of them a page, where that is given.
    """

    def __init__(self, log: MemoryLog, stride: int | None = None) -> None:
        self._log = log
        self.stride = stride
        self.blind = False
        self.failure: Exception | None = None
        self.looks = 0

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        events = await self._all()
        events.sort(key=lambda event: -event.offset if newest_first else event.offset)
        if cursor is not None:
            events = [e for e in events if e.offset != cursor]
            events = [e for e in events if (e.offset < cursor) == newest_first]
        ahead = events[: self.stride if query.where else None]
        found = [event for event in ahead if found_by(query, event)]
        if len(found) > limit:
            return Page(found[:limit], found[limit - 1].offset)
        return Page(found, ahead[-1].offset if len(ahead) < len(events) else None)

    async def among(self, offsets: Sequence[int], query: Filter, *, newest_first: bool) -> Page:
        chosen = [e for e in await self._all() if e.offset in offsets and found_by(query, e)]
        return Page(sorted(chosen, key=lambda e: e.offset, reverse=newest_first), None)

    async def get(self, id_: str, source: str | None = None) -> Event | None:
        found = [e for e in await self._all() if e.id == id_ and source in (None, e.source)]
        return found[-1] if found else None

    async def at(self, offset: int) -> Event | None:
        return next((e for e in await self._all() if e.offset == offset), None)

    async def _all(self) -> list[Event]:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return [] if self.blind else (await self._log.read(0, 1_000_000)).events


def found_by(query: Filter, event: Event) -> bool:
    """Whether a search for `query` finds the event."""
    return (
        (query.pattern is None or matches(parse_pattern(query.pattern), event.type))
        and (
            not query.listened or any(matches(parse_pattern(p), event.type) for p in query.listened)
        )
        and event.offset > query.after
        and (query.through is None or event.offset <= query.through)
        and query.source in (None, event.source)
        and query.subject in (None, event.subject)
        and (query.since_us is None or event.received_us >= query.since_us)
        and (query.until_us is None or event.received_us < query.until_us)
        and all(test.holds(event) for test in query.where)
    )
