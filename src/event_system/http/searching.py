"""Searches that go on for as long as whoever asked is ready to wait.

A page of the history ends after a moment, so that nobody waits behind a search through all of the
log. Whoever would rather wait gets several in one answer, between which others have their turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from event_system.events.event import bytes_of
from event_system.events.ports import PAGE_BYTES, Page

MAX_WAIT_SECONDS: Final = 10.0

Find: TypeAlias = Callable[[int, int | None], Awaitable[Page]]
"""Finds a page of at most so many events, after a cursor."""


async def search(
    find: Find, limit: int, cursor: int | None, seconds: float, monotonic: Callable[[], float]
) -> Page:
    """One page, and what follows it until there are `limit` events or the time is over."""
    end = monotonic() + seconds
    page = await find(limit, cursor)
    events, size = page.events, bytes_of(page.events)
    while page.next is not None and len(events) < limit and size < PAGE_BYTES and monotonic() < end:
        page = await find(limit - len(events), page.next)
        events, size = [*events, *page.events], size + bytes_of(page.events)
    return Page(events, page.next)
