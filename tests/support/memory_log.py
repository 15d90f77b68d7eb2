"""An event log in memory: durable for as long as a test runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from event_system.eventlog.receipt import not_before
from event_system.events.event import Event, Row, bytes_of, event_of
from event_system.events.ports import Appended, Commit, Slice
from event_system.kernel.errors import PreconditionFailedError


class MemoryLog:
    """Implements `EventLog`: stores at once, finds duplicates for ever.

    While `waiting` is a list, submissions wait in it for `go_on`.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.on_commit: Callable[[Commit], None] = lambda commit: None
        self.failure: Exception | None = None
        self.waiting: list[Callable[[], None]] | None = None
        self.floor = 0
        self._known: dict[tuple[str, str], int] = {}
        self._received_us = 0

    @property
    def head(self) -> int:
        return len(self.rows)

    def go_on(self) -> None:
        """Store what waits, and from now on everything at once."""
        waiting, self.waiting = self.waiting or [], None
        for store in waiting:
            store()

    def submit(self, rows: Sequence[Row], done: Callable[[Appended], None]) -> None:
        if self.waiting is not None:
            self.waiting.append(lambda: self.submit(rows, done))
            return
        if self.failure is not None:
            done(self.failure)
            return
        fresh: list[Row] = []
        offsets: list[int] = []
        for row in rows:
            known = self._known.get((row[6], row[7]))
            if known is None:
                fresh.append(not_before(row, self._received_us))
                self._received_us = fresh[-1][10]
                known = self._known[row[6], row[7]] = len(self.rows) + len(fresh)
                offsets.append(known)
            else:
                offsets.append(-known)
        first = len(self.rows) + 1
        self.rows.extend(fresh)
        if fresh:
            self.on_commit(Commit(first, fresh))
        done(offsets)

    async def append_if(self, row: Row, expected: int) -> int:
        last = await self.last_of(str(row[8]))
        if (row[6], row[7]) not in self._known and last != expected:
            detail = f"the last event of {row[8]!r} is at offset {last}, not {expected}"
            raise PreconditionFailedError(detail, last_offset=last)
        told: list[Appended] = []
        self.submit((row,), told.append)
        if isinstance(told[0], Exception):
            raise told[0]
        return told[0][0]

    async def latest(self) -> int:
        return self.head

    async def last_of(self, subject: str) -> int:
        return max((at for at, row in enumerate(self.rows, 1) if row[8] == subject), default=0)

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        events = [
            event_of(offset, row)
            for offset, row in enumerate(self.rows[after:], after + 1)
            if lanes is None or row[4] in lanes
        ]
        page = events[:limit]
        through = page[-1].offset if len(events) > limit else max(self.head, after)
        return Slice(page, through, bytes_of(page))

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        return [event_of(o, self.rows[o - 1]) for o in offsets if 0 < o <= len(self.rows)]
