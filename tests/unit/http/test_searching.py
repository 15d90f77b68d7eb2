"""Searches that go on for as long as whoever asked is ready to wait."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from event_system.events.event import event_of
from event_system.events.ports import PAGE_BYTES, Page
from event_system.http.searching import Find, search
from tests.support.rows import row


def pages_of(each: int, of: int = 10, data: bytes = b"{}") -> Find:
    """A history of `of` events, a page of which has up to `each`."""

    async def find(limit: int, cursor: int | None) -> Page:
        first = (cursor or 0) + 1
        last = min(first + min(each, limit) - 1, of)
        events = [event_of(n, row(f"e{n}", data=data)) for n in range(first, last + 1)]
        return Page(events, last if last < of else None)

    return find


def ticking(seconds: float) -> Callable[[], float]:
    moments = count(0.0, seconds)
    return lambda: next(moments)


@pytest.mark.parametrize(
    ("seconds", "limit", "found", "next_"),
    [
        (0.0, 50, 2, 2),
        (3.5, 50, 8, 8),  # three more pages, one a second
        (60.0, 5, 5, 5),
        (60.0, 50, 10, None),
    ],
)
async def test_pages_are_one_until_it_is_full_or_the_time_is_over(
    seconds: float, limit: int, found: int, next_: int | None
) -> None:
    page = await search(pages_of(2), limit, None, seconds, ticking(1.0))

    assert [event.offset for event in page.events] == list(range(1, found + 1))
    assert page.next == next_


async def test_large_events_fill_a_page() -> None:
    half = b'"%b"' % (b"x" * (PAGE_BYTES // 2))

    page = await search(pages_of(1, data=half), 50, None, 60.0, ticking(0.0))

    assert [event.offset for event in page.events] == [1, 2]


async def test_a_page_goes_on_after_its_cursor() -> None:
    page = await search(pages_of(2), 3, 4, 60.0, ticking(0.0))

    assert [event.offset for event in page.events] == [5, 6, 7]
