"""The young end of the log, in memory: what the stream has and the tables do not have yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import chain, islice

from event_system.eventlog.backbone.settings import MOST_WAITING
from event_system.eventlog.backbone.stream import Found
from event_system.eventlog.receipt import not_before
from event_system.eventlog.sql.engine import Stored
from event_system.events.event import Row

MOST_BYTES = 134_217_728


class Tail:
    """All events from one above `projected` up to `head`, indexed.

    `received_us` is the time of receipt of the event at `head`.
    """

    def __init__(
        self,
        head: int,
        received_us: int,
        *,
        most_events: int = MOST_WAITING,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.projected = head
        self.received_us = received_us
        self.grown = asyncio.Event()
        self._most = most_events, most_bytes
        self._rows: list[Row] = []
        self._bytes = 0
        self._by_key: dict[int, list[Stored]] = {}
        self._last_of: dict[str, int] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def head(self) -> int:
        """The newest event of the stream, as far as this node knows."""
        return self.projected + len(self._rows)

    @property
    def is_full(self) -> bool:
        events, size = self._most
        return len(self._rows) >= events or self._bytes >= size

    def take(self, found: Iterable[Found]) -> None:
        """As `extend`, of what was read from the stream."""
        self.extend(chain.from_iterable(each.rows for each in found))

    def extend(self, rows: Iterable[Row]) -> None:
        """Take rows that stand in the stream after `head`, one after the other."""
        for offset, admitted in enumerate(rows, self.head + 1):
            row = not_before(admitted, self.received_us)
            self._rows.append(row)
            self._bytes += _size(row)
            self._by_key.setdefault(row[0], []).append(Stored(offset, row[10], row[6], row[7]))
            if row[8] is not None:
                self._last_of[row[8]] = offset
            self.received_us = row[10]
        self.grown.set()

    def took_over(self, through: int) -> None:
        """Forget what the database has by now."""
        number = min(through, self.head) - self.projected
        if number <= 0:
            return
        for offset, row in enumerate(islice(self._rows, number), self.projected + 1):
            self._bytes -= _size(row)
            stored = self._by_key[row[0]]
            del stored[0]
            if not stored:
                del self._by_key[row[0]]
            if row[8] is not None and self._last_of[row[8]] == offset:
                del self._last_of[row[8]]
        del self._rows[:number]
        self.projected += number
        for awaited, future in self._waiting:
            if awaited <= self.projected and not future.done():
                future.set_result(None)

    def rows(self, after: int, limit: int) -> Sequence[Row]:
        """Up to `limit` rows above `after`, which has to be `projected` at least."""
        start = after - self.projected
        return self._rows[start : start + limit]

    def at(self, offset: int) -> Row | None:
        """The row at an offset; None where it is not here."""
        return self._rows[offset - self.projected - 1] if self.has(offset) else None

    def has(self, offset: int) -> bool:
        return self.projected < offset <= self.head

    def twins(self, keys: Iterable[int]) -> list[Stored]:
        """Events whose id has one of these keys."""
        found = self._by_key
        return [stored for key in keys if key in found for stored in found[key]]

    def last_of(self, subject: str) -> int:
        """The offset of a subject's last event; 0 where none of its is here."""
        return self._last_of.get(subject, 0)

    async def projection(self, through: int, seconds: float) -> bool:
        """Wait until the database has all up to an offset; False where it takes longer."""
        if through <= self.projected:
            return True
        future = asyncio.get_running_loop().create_future()
        entry = through, future
        self._waiting.append(entry)
        try:
            await asyncio.wait([future], timeout=seconds)
        finally:
            self._waiting.remove(entry)
        return future.done()


def _size(row: Row) -> int:
    return len(row[14] or b"") + len(row[13] or b"")
