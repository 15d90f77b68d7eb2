"""Records in memory: durable for as long as a test runs."""

from __future__ import annotations

from event_system.kernel.errors import StorageError
from event_system.kernel.records import Changes


class MemoryRecords:
    """Implements `kernel.records.Records`; saves fail while there is a `failure`."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, bytes]] = {}
        self.failure: StorageError | None = None

    async def load(self, kind: str) -> dict[str, bytes]:
        return dict(self.rows.get(kind, {}))

    async def save(self, changes: Changes) -> None:
        if self.failure is not None:
            raise self.failure
        for kind, rows in changes.items():
            for key, value in rows.items():
                kept = self.rows.setdefault(kind, {})
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value
