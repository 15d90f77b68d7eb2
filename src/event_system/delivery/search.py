"""Events found by how listeners stand to them.

Failures are kept by the place of their events: a search for them goes, step by step, from one to the
next or from one wanted event to the next, whichever are rarer there. All else is in no table: a
search for it reads wanted events on that side of the cursors on which they can be, and leaves out
the rest. Either ends after a while, and goes on where it stopped. What is found was true during the
search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import msgspec

from event_system.delivery.dispatcher import Dispatcher
from event_system.delivery.failed import FailedDeliveries
from event_system.delivery.ports import FailedFilter
from event_system.delivery.standing import FAILED, Standing
from event_system.events.event import Event
from event_system.events.ports import (
    PAGE_BYTES,
    PAGE_SECONDS,
    DeliveryFilter,
    DeliveryStatus,
    Filter,
    History,
    Page,
)
from event_system.events.registry import Registry

STEP: Final = 256
"""Events that are looked at in one go, a few milliseconds' work."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for; as the parameters of `History.find`."""

    limit: int
    newest_first: bool
    cursor: int | None


class DeliverySearch:
    """Finds in the history what `Deliveries.find` is asked for."""

    def __init__(
        self,
        registry: Callable[[], Registry],
        dispatcher: Dispatcher,
        history: History,
        monotonic: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._failures = FailedDeliveries(dispatcher)
        self._history = history
        self._monotonic = monotonic

    async def find(self, query: Filter, wanted: DeliveryFilter, paging: Paging) -> Page:
        """A page. Raises what `History.find` raises."""
        if wanted.status in FAILED:
            return await self._failed(query, wanted, paging)
        return await self._others(query, wanted, paging)

    async def _failed(self, query: Filter, wanted: DeliveryFilter, paging: Paging) -> Page:
        page = _Filling(paging, self._monotonic)
        anywhere = msgspec.structs.replace(query, where=())
        narrow = (query.pattern, query.source, query.subject) != (None, None, None)
        newest_first, way = paging.newest_first, -1 if paging.newest_first else 1
        while not page.done:
            events = await self._history.find(
                anywhere,
                limit=page.step if narrow else 1,
                newest_first=newest_first,
                cursor=page.at,
            )
            if not events.events:
                return Page(page.events, None)
            chosen = FailedFilter(FAILED[wanted.status], wanted.listener, events.events[0].offset)
            offsets, last = await self._failures.walk(chosen, page.step, newest_first=newest_first)
            if last is None or (events.next is not None and way * last >= way * events.next):
                found = await self._history.among(offsets, query, newest_first=newest_first)
                page.take(found.events, last if found.next is None else found.next)
            else:
                page.take(await self._have_failed(events.events, query, chosen), events.next)
        return Page(page.events, page.at)

    async def _have_failed(
        self, events: Sequence[Event], query: Filter, chosen: FailedFilter
    ) -> list[Event]:
        """Those of the events that have failed so, and whose data is wanted."""
        known = await self._failures.among([event.offset for event in events])
        failed = {
            offset
            for (listener, offset), state in known.items()
            if state in chosen.states and chosen.listener in (None, listener)
        }
        return [
            event
            for event in events
            if event.offset in failed and all(test.holds(event) for test in query.where)
        ]

    async def _others(self, query: Filter, wanted: DeliveryFilter, paging: Paging) -> Page:
        page = _Filling(paging, self._monotonic)
        narrowed = _narrowed(query, wanted.status, self._standings(wanted))
        if narrowed is None:
            return Page([], None)
        while not page.done:
            standings = self._standings(wanted)
            found = await self._history.find(
                narrowed, limit=page.step, newest_first=paging.newest_first, cursor=page.at
            )
            failed = await self._failures.among([event.offset for event in found.events])
            page.take(self._chosen(found.events, wanted.status, standings, failed), found.next)
        return Page(page.events, page.at)

    def _standings(self, wanted: DeliveryFilter) -> dict[str, Standing]:
        subscriptions = self._dispatcher.subscriptions
        return {
            name: Standing(entry, subscriptions[name].cursors() if name in subscriptions else {})
            for name, entry in self._registry().by_name.items()
            if wanted.listener in (None, name)
        }

    def _chosen(
        self,
        events: Sequence[Event],
        status: DeliveryStatus,
        standings: Mapping[str, Standing],
        failed: Mapping[tuple[str, int], str],
    ) -> list[Event]:
        """The events to which one of the listeners stands so."""

        def stands(event: Event) -> bool:
            route = self._registry().route(event.type)
            names = [entry.listener.name for entry in chain(route.sync, route.deferred)]
            return any(
                standings[name].status(event) == status
                for name in names
                if name in standings and (name, event.offset) not in failed
            )

        return list(filter(stands, events))


def _narrowed(
    query: Filter, status: DeliveryStatus, standings: Mapping[str, Standing]
) -> Filter | None:
    """The query, narrowed to where such events can be; None where there are none."""
    spans = [(s.entry.listener, span) for s in standings.values() if (span := s.span(status))]
    if not spans:
        return None
    ends = [span.through for _, span in spans]
    return msgspec.structs.replace(
        query,
        listened=tuple({pattern for listener, _ in spans for pattern in listener.patterns}),
        after=min(span.after for _, span in spans),
        through=None if None in ends else max(filter(None, ends), default=0),
    )


class _Filling:
    """A page that fills step by step; `at` is where it goes on, None where it ends."""

    def __init__(self, paging: Paging, monotonic: Callable[[], float]) -> None:
        self.events: list[Event] = []
        self.at = paging.cursor
        self.step = min(paging.limit + 1, STEP)
        self.done = False
        self._limit = paging.limit
        self._room = PAGE_BYTES
        self._monotonic = monotonic
        self._end = monotonic() + PAGE_SECONDS

    def take(self, events: Sequence[Event], at: int | None) -> None:
        """Add what was found up to `at`, as far as there is room for it."""
        for event in events:
            if self._full:
                self.at, self.done = self.events[-1].offset, True
                return
            self.events.append(event)
            self._room -= len(event.raw or b"")
        self.at = at
        self.done = at is None or self._full or self._monotonic() >= self._end
        self.step = min(2 * self.step, STEP)

    @property
    def _full(self) -> bool:
        return len(self.events) >= self._limit or self._room <= 0
