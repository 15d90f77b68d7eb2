"""A catalogue's entries in memory: durable for as long as a test runs."""

from __future__ import annotations

from event_system.events.catalogue.changes import check_unchanged
from event_system.events.catalogue.entry import TypeEntry


class MemoryCatalogue:
    """Implements `CatalogueStore`."""

    def __init__(self) -> None:
        self.entries: dict[str, TypeEntry] = {}
        self.failure: Exception | None = None

    def load(self) -> list[TypeEntry]:
        return [self.entries[name] for name in sorted(self.entries)]

    async def put(self, entry: TypeEntry, before: TypeEntry | None) -> None:
        self._check(entry.name, before)
        self.entries[entry.name] = entry

    async def delete(self, before: TypeEntry) -> None:
        self._check(before.name, before)
        del self.entries[before.name]

    def _check(self, name: str, before: TypeEntry | None) -> None:
        if self.failure is not None:
            raise self.failure
        check_unchanged(name, self.entries.get(name), before)
