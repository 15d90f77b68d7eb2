"""The young end of the log at one moment, searched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.sql.history import page_of
from event_system.eventlog.sql.search import Progress
from event_system.eventlog.wanted import Wanted, wanted_of
from event_system.events.event import Event, event_of
from event_system.events.ports import PAGE_SECONDS, Filter, Page

_SLICE = 1_000
"""Events that are looked at before others may run."""


class Young:
    """What a tail had above `after` when this was made, up to the newest event that was `told`.

    Whatever the tables take over meanwhile, they have all that is not here. `find` and `among` are
    those of `events.ports.History`, and raise `InvalidPatternError`.
    """

    def __init__(self, tail: Tail, told: int, monotonic: Callable[[], float]) -> None:
        self.after = tail.projected
        self._rows = tail.rows(self.after, max(0, told - self.after))
        self._monotonic = monotonic

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        low, high = self.after + 1, self.after + len(self._rows)
        if cursor is not None and newest_first:
            high = min(high, cursor - 1)
        elif cursor is not None:
            low = max(low, cursor + 1)
        offsets = range(low, high + 1)
        found = self._looked_at(offsets[::-1] if newest_first else offsets, query)
        seconds = PAGE_SECONDS if query.where else None
        return await page_of(found, limit, seconds, self._monotonic)

    async def among(self, offsets: Sequence[int], query: Filter, *, newest_first: bool) -> Page:
        high = self.after + len(self._rows)
        here = sorted((at for at in offsets if self.after < at <= high), reverse=newest_first)
        found = self._looked_at(here, query)
        return await page_of(found, max(1, len(here)), None, self._monotonic)

    async def _looked_at(self, offsets: Iterable[int], query: Filter) -> AsyncIterator[Progress]:
        wanted = wanted_of(query)
        for number, offset in enumerate(offsets, 1):
            event = self.at(offset)
            assert event is not None
            yield Progress(event if _is_wanted(event, wanted, query) else None, offset)
            if number % _SLICE == 0:
                await asyncio.sleep(0)

    def get(self, id_: str, source: str | None) -> Event | None:
        """The newest event with this id, of this source where one is given."""
        for number in range(len(self._rows) - 1, -1, -1):
            row = self._rows[number]
            if row[7] == id_ and source in (None, row[6]):
                return event_of(self.after + 1 + number, row)
        return None

    def at(self, offset: int) -> Event | None:
        """The event at an offset; None where it is not here."""
        number = offset - self.after - 1
        return event_of(offset, self._rows[number]) if 0 <= number < len(self._rows) else None


def _is_wanted(event: Event, wanted: Wanted, query: Filter) -> bool:
    return (
        query.after < event.offset
        and (query.through is None or event.offset <= query.through)
        and wanted.fits(event.type)
        and query.source in (None, event.source)
        and query.subject in (None, event.subject)
        and (query.since_us is None or event.received_us >= query.since_us)
        and (query.until_us is None or event.received_us < query.until_us)
        and all(test.holds(event) for test in wanted.where)
    )
