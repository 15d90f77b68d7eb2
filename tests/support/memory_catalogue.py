"""A catalogue's entries in memory: durable for as long as a test runs."""

from __future__ import annotations

from event_system.events.catalogue.entry import TypeEntry


class MemoryCatalogue:
    """Implements `CatalogueStore`."""

    def __init__(self) -> None:
        self.entries: dict[str, TypeEntry] = {}
        self.failure: Exception | None = None

    def load(self) -> list[TypeEntry]:
        return [self.entries[name] for name in sorted(self.entries)]

    async def put(self, entry: TypeEntry) -> None:
        self._check()
        self.entries[entry.name] = entry

    async def delete(self, name: str) -> None:
        self._check()
        self.entries.pop(name, None)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
