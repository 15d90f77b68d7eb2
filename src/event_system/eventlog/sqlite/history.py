"""Stored events, looked up: the embedded log's `History`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import apsw

from event_system.eventlog.sqlite.index import DAMAGE, distrust
from event_system.eventlog.sqlite.reader import Reader
from event_system.eventlog.sqlite.search import Search, Snapshot, Wanted
from event_system.events.event import Event
from event_system.events.ports import Filter, Page
from event_system.kernel.patterns import parse_pattern

MAX_PAGE_BYTES = 16_777_216

T = TypeVar("T")


class SqliteHistory:
    """Implements `events.ports.History`.

    A page may hold fewer events than asked for although more follow, where they are large.
    Raises `InvalidPatternError`, and what `Reader.run` raises.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        wanted = _wanted(query)

        def page(view: Snapshot) -> Page:
            low, high = _bounds(view, query, newest_first, cursor)
            return _page(Search(view, wanted, newest_first).events(low, high), limit)

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


def _wanted(query: Filter) -> Wanted:
    pattern = None if query.pattern is None else parse_pattern(query.pattern)
    return Wanted(subject=query.subject, source=query.source, pattern=pattern)


def _bounds(
    view: Snapshot, query: Filter, newest_first: bool, cursor: int | None
) -> tuple[int, int]:
    """The offsets, both inclusive, among which the page lies; times of receipt grow with them."""
    low = 1 if query.since_us is None else view.first_received(query.since_us)
    high = view.head if query.until_us is None else view.first_received(query.until_us) - 1
    if cursor is None:
        return low, high
    return (low, min(high, cursor - 1)) if newest_first else (max(low, cursor + 1), high)


def _page(events: Iterator[Event], limit: int) -> Page:
    page: list[Event] = []
    size = 0
    for event in events:
        if len(page) == limit or size >= MAX_PAGE_BYTES:
            return Page(page, page[-1].offset)
        page.append(event)
        size += len(event.raw or b"")
    return Page(page, None)
