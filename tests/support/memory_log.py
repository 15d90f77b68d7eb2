"""An event log in memory: durable for as long as a test runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from event_system.events.event import Row, event_of
from event_system.events.ports import Appended, Commit, Slice


class MemoryLog:
    """Implements `EventLog`: stores at once, finds duplicates for ever."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.on_commit: Callable[[Commit], None] = lambda commit: None
        self.failure: Exception | None = None
        self._known: dict[tuple[str, str], int] = {}

    @property
    def head(self) -> int:
        return len(self.rows)

    def submit(self, rows: Sequence[Row], done: Callable[[Appended], None]) -> None:
        if self.failure is not None:
            done(self.failure)
            return
        fresh: list[Row] = []
        offsets: list[int] = []
        for row in rows:
            known = self._known.get((row[6], row[7]))
            if known is None:
                fresh.append(row)
                known = self._known[row[6], row[7]] = len(self.rows) + len(fresh)
                offsets.append(known)
            else:
                offsets.append(-known)
        first = len(self.rows) + 1
        self.rows.extend(fresh)
        if fresh:
            self.on_commit(Commit(first, fresh))
        done(offsets)

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        events = [
            event_of(offset, row)
            for offset, row in enumerate(self.rows[after:], after + 1)
            if lanes is None or row[4] in lanes
        ]
        page = events[:limit]
        return Slice(page, page[-1].offset if len(events) > limit else max(self.head, after))
