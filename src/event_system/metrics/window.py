"""Sums over the last seconds."""

from __future__ import annotations


class RateWindow:
    """A ring of buckets of a second each. `now` is any clock in seconds that never goes back."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self._buckets = [0.0] * seconds
        self._newest: int | None = None

    def add(self, amount: float, now: float) -> None:
        second = self._advance(now)
        self._buckets[second % self.seconds] += amount

    def sum(self, now: float) -> float:
        """What was added within the last `seconds` seconds, the current one included."""
        self._advance(now)
        return sum(self._buckets)

    def per_second(self, now: float) -> float:
        return self.sum(now) / self.seconds

    def _advance(self, now: float) -> int:
        second = int(now)
        if self._newest is None:
            self._newest = second
        for passed in range(self._newest + 1, min(second, self._newest + self.seconds) + 1):
            self._buckets[passed % self.seconds] = 0.0
        if second > self._newest + self.seconds:
            self._buckets = [0.0] * self.seconds
        self._newest = max(self._newest, second)
        return self._newest
