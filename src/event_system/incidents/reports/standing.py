"""How objectives stand, looked at again and again. Closed incidents are unpacked once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from event_system.incidents.book import Book
from event_system.incidents.incident import Incident
from event_system.incidents.manager import IncidentManager
from event_system.incidents.reports.gathering import AT_ONCE
from event_system.incidents.reports.measures import DOWN
from event_system.incidents.reports.objectives import ObjectiveState, states_of
from event_system.kernel.threads import in_thread


class Standing:
    """`states` are those of the last look, in the order of the settings."""

    def __init__(self) -> None:
        self.states: Sequence[ObjectiveState] = ()
        self._services: frozenset[str] = frozenset()
        self._closed: dict[str, Incident | None] = {}
        """Closed incidents by id; None of those that no objective counts."""

    async def look(self, manager: IncidentManager, now_us: int) -> None:
        """Count anew, by the objectives as they are now; others have their turn in between."""
        objectives = manager.options.objectives
        services = frozenset(each.service for each in objectives)
        if services != self._services:
            self._services, self._closed = services, {}
        if not objectives:
            self.states = ()
            return
        found = await self._incidents(manager.book)
        self.states = await in_thread(states_of, objectives, found, now_us, now_us)

    async def _incidents(self, book: Book) -> list[Incident]:
        """Those that may count."""
        ids = iter(book.ids())
        closed: dict[str, Incident | None] = {}
        found: list[Incident] = []
        while page := list(islice(ids, AT_ONCE)):
            found += self._looked_at(book, page, closed)
            await asyncio.sleep(0)
        self._closed = closed
        return found

    def _looked_at(
        self, book: Book, ids: Sequence[str], closed: dict[str, Incident | None]
    ) -> Iterator[Incident]:
        """Of these, without those that are forgotten meanwhile; `closed` gets what is closed."""
        for id_ in ids:
            if not book.is_archived(id_):
                incident = book.find(id_)
            elif id_ in self._closed:
                incident = closed[id_] = self._closed[id_]
            else:
                incident = closed[id_] = self._if_counted(book.get(id_).incident)
            if incident is not None:
                yield incident

    def _if_counted(self, incident: Incident) -> Incident | None:
        return incident if incident.level in DOWN and incident.service in self._services else None
