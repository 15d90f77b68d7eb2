"""Where in the partition an event stands.

Places are Kafka's own offsets. Between two records that count there may be others, which have a
place, but no offset. So `place - offset` never falls from one record that counts to the next: from
any of them on, an event stands as many places later as it has a higher offset, or still later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from event_system.eventlog.kafka.wire import Page, Record

Look: TypeAlias = Callable[[int], Awaitable[Page]]
"""Reads a page from a place on; one that ends where it begins says that there is no more."""

BACK = 1_000
"""How many places to look back at a time."""


async def place_of(offset: int, look: Look, begin: int) -> int | None:
    """The place of the first record that counts with this offset or a higher one; None without."""
    place = begin
    while (page := await look(place)).end > place:
        for record in page.records:
            if record.offset >= offset:
                return record.place
        place = page.end
        if page.records:
            last = page.records[-1]
            place = max(place, last.place + offset - last.offset)
    return None


async def first(look: Look, begin: int) -> Record | None:
    """The first record that counts, from a place on."""
    place = begin
    while (page := await look(place)).end > place:
        if page.records:
            return page.records[0]
        place = page.end
    return None


async def last(look: Look, begin: int, end: int) -> Record | None:
    """The last record that counts between two places."""
    high = end
    while high > begin:
        low = place = max(begin, high - BACK)
        found = None
        while place < high and (page := await look(place)).end > place:
            found = page.records[-1] if page.records else found
            place = page.end
        if found is not None:
            return found
        high = low
    return None
