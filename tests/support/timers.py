"""Time that stands still until a test moves it on."""

from __future__ import annotations

from collections.abc import Callable


class Planned:
    """A call that is to come."""

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """A wall clock, a monotonic clock and `call_later`, all moved by `advance`."""

    def __init__(self, now_us: int = 1_800_000_000_000_000) -> None:
        self.wall_us = now_us
        self.seconds = 0.0
        self._planned: list[Planned] = []

    def now_us(self) -> int:
        return self.wall_us

    def monotonic(self) -> float:
        return self.seconds

    def call_later(self, delay: float, callback: Callable[[], None]) -> Planned:
        planned = Planned(self.seconds + delay, callback)
        self._planned.append(planned)
        return planned

    @property
    def waiting(self) -> int:
        return sum(not planned.cancelled for planned in self._planned)

    def advance(self, seconds: float) -> None:
        """Let time pass; calls that fall due come in their order."""
        end = self.seconds + seconds
        while due := [p for p in self._planned if not p.cancelled and p.at <= end]:
            first = min(due, key=lambda planned: planned.at)
            self._planned.remove(first)
            self._move(max(first.at, self.seconds))
            first.callback()
        self._move(end)

    def _move(self, to: float) -> None:
        self.wall_us += round((to - self.seconds) * 1e6)
        self.seconds = to
