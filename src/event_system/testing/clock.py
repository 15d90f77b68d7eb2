"""Time that stands still until it is moved."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Final

from event_system.kernel.clock import to_datetime, to_us

START: Final = datetime(2027, 1, 15, 8, tzinfo=UTC)
_SECOND_US: Final = 1_000_000


class Planned:
    """A call that is to come. Implements `Timer`."""

    __slots__ = ("call", "cancelled")

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Implements `Clock` and `CallLater`. `move_to` moves time, `run_due` makes its calls."""

    def __init__(self, start: datetime = START) -> None:
        self._start_us = self._now_us = to_us(start)
        self._planned: list[tuple[int, int, Planned]] = []
        self._numbers = count()

    @property
    def now(self) -> datetime:
        """The present, in UTC."""
        return to_datetime(self._now_us)

    def now_us(self) -> int:
        return self._now_us

    def monotonic(self) -> float:
        return (self._now_us - self._start_us) / _SECOND_US

    def call_later(
        self, delay: float, callback: Callable[..., object], /, *args: object
    ) -> Planned:
        """Plan a call `delay` seconds ahead; `run_due` makes it."""
        planned = Planned(lambda: callback(*args))
        at = self._now_us + round(max(delay, 0.0) * _SECOND_US)
        heapq.heappush(self._planned, (at, next(self._numbers), planned))
        return planned

    @property
    def waiting(self) -> int:
        """Calls that are to come."""
        return sum(not planned.cancelled for _, _, planned in self._planned)

    def move_to(self, us: int) -> None:
        """Let it be this time, past or future, and make no call. Monotonic time moves along."""
        self._now_us = us

    def run_due(self) -> None:
        """Make the calls that are due, in their order; not those that they plan for now."""
        due = []
        while self._planned and self._planned[0][0] <= self._now_us:
            due.append(heapq.heappop(self._planned)[2])
        for planned in due:
            if not planned.cancelled:
                planned.call()
