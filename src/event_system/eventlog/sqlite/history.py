"""Stored events, looked up: the embedded log's `History`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import apsw

from event_system.eventlog.sqlite.index import distrust
from event_system.eventlog.sqlite.reader import Reader
from event_system.eventlog.sqlite.search import Search
from event_system.eventlog.sqlite.snapshot import Snapshot
from event_system.eventlog.wanted import Wanted, wanted_of
from event_system.events.event import Event
from event_system.events.ports import PAGE_BYTES, PAGE_SECONDS, Filter, Page
from event_system.sqlite.files import DAMAGE

_FIRST_WINDOW = 4_096
_LEAST_WINDOW = 256

T = TypeVar("T")


class SqliteHistory:
    """Implements `events.ports.History`.

    A page may hold fewer events than asked for although more follow, where they are large.
    Raises `InvalidPatternError`, and what `Reader.run` raises.
    """

    def __init__(self, reader: Reader, monotonic: Callable[[], float]) -> None:
        self._reader = reader
        self._monotonic = monotonic

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        wanted = wanted_of(query)

        def page(view: Snapshot) -> Page:
            low, high = _bounds(view, query, newest_first, cursor)
            search = Search(view, wanted, newest_first)
            if query.where:
                return _Windows(search, self._monotonic).page(low, high, limit)
            return _page(search.events(low, high), limit)

        return await self._look(page)

    async def among(self, offsets: Sequence[int], query: Filter, *, newest_first: bool) -> Page:
        wanted = wanted_of(query)

        def page(view: Snapshot) -> Page:
            low, high = _bounds(view, query, newest_first, None)
            chosen = [offset for offset in offsets if low <= offset <= high]
            return _page(Search(view, wanted, newest_first).among(chosen), len(chosen))

        return await self._look(page)

    async def get(self, id_: str, source: str | None = None) -> Event | None:
        wanted = Wanted(id=id_, source=source)

        def newest(view: Snapshot) -> Event | None:
            return next(Search(view, wanted, newest_first=True).events(1, view.head), None)

        return await self._look(newest)

    async def at(self, offset: int) -> Event | None:
        def event(view: Snapshot) -> Event | None:
            if not 1 <= offset <= view.head:
                return None
            return next(Search(view, Wanted(), newest_first=False).events(offset, offset), None)

        return await self._look(event)

    async def last_of(self, subject: str, after: int = 0) -> tuple[int, int]:
        """The last offset of a subject's events after `after`, 0 where it has none.

        With it comes how far the log has been looked at.
        """
        wanted = Wanted(subject=subject)

        def last(view: Snapshot) -> tuple[int, int]:
            found = Search(view, wanted, newest_first=True).events(after + 1, view.head)
            event = next(found, None)
            return (0 if event is None else event.offset), view.head

        return await self._look(last)

    async def _look(self, look: Callable[[Snapshot], T]) -> T:
        return await self._reader.run(lambda connection: self._trusting(connection, look))

    def _trusting(self, connection: apsw.Connection, look: Callable[[Snapshot], T]) -> T:
        """Look with the index; where that is damaged, without it."""
        try:
            with Snapshot(connection) as view:
                return look(view)
        except DAMAGE as error:
            with Snapshot(connection, indexed=False) as view:
                found = look(view)
            distrust(self._reader.directory, error)
            return found


def _bounds(
    view: Snapshot, query: Filter, newest_first: bool, cursor: int | None
) -> tuple[int, int]:
    """The offsets, both inclusive, among which the page lies; times of receipt grow with them."""
    low = 1 if query.since_us is None else view.first_received(query.since_us)
    high = view.head if query.until_us is None else view.first_received(query.until_us) - 1
    low = max(low, query.after + 1)
    if query.through is not None:
        high = min(high, query.through)
    if cursor is None:
        return low, high
    return (low, min(high, cursor - 1)) if newest_first else (max(low, cursor + 1), high)


def _page(events: Iterator[Event], limit: int) -> Page:
    page: list[Event] = []
    size = 0
    for event in events:
        if len(page) == limit or size >= PAGE_BYTES:
            return Page(page, page[-1].offset)
        page.append(event)
        size += len(event.raw or b"")
    return Page(page, None)


class _Windows:
    """A search in windows of offsets, as many as the time of a page allows.

    Each is twice as large as the one before it, so what an index narrows takes few of them, unless
    that would take longer than there is time left, by the time that the last one took.
    """

    def __init__(self, search: Search, monotonic: Callable[[], float]) -> None:
        self._search = search
        self._monotonic = monotonic
        self._stopped_at: int | None = None

    def page(self, low: int, high: int, limit: int) -> Page:
        """As soon as the page is full, or the time over; what follows is not looked at."""
        page: list[Event] = []
        size = 0
        for event in self._events(low, high):
            page.append(event)
            size += len(event.raw or b"")
            if len(page) == limit or size >= PAGE_BYTES:
                return Page(page, event.offset)
        return Page(page, self._stopped_at)

    def _events(self, low: int, high: int) -> Iterator[Event]:
        began = self._monotonic()
        end = began + PAGE_SECONDS
        width = _FIRST_WINDOW
        while low <= high:
            first, last = self._window(low, high, width)
            yield from self._search.events(first, last)
            low, high = (low, first - 1) if self._search.newest_first else (last + 1, high)
            before, began = began, self._monotonic()
            if began >= end and low <= high:
                self._stopped_at = first if self._search.newest_first else last
                return
            width = _next_width(width, began - before, end - began)

    def _window(self, low: int, high: int, width: int) -> tuple[int, int]:
        if self._search.newest_first:
            return max(low, high - width + 1), high
        return low, min(high, low + width - 1)


def _next_width(width: int, spent: float, left: float) -> int:
    """Twice as many events as were searched in `spent` seconds, or what `left` seconds allow."""
    if 2 * spent <= left:
        return 2 * width
    return max(_LEAST_WINDOW, int(width * left / spent))
