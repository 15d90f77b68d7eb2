"""What happened in the last seconds: sums, growth of totals, share of failures.

Times are monotonic seconds; one that goes back counts as the newest seen.
"""

from __future__ import annotations


class RateWindow:
    """A ring of buckets, one for each of the last `span` seconds."""

    __slots__ = ("_buckets", "_first", "_newest", "_span")

    def __init__(self, span: int) -> None:
        self._span = span
        self._buckets: list[float] = [0] * span
        self._newest: int | None = None
        self._first = 0

    def add(self, amount: float, now: float) -> None:
        self._buckets[self._advance(now) % self._span] += amount

    def total(self, now: float) -> float:
        """What was added in the last `span` seconds, the running one included."""
        self._advance(now)
        return sum(self._buckets)

    def per_second(self, now: float) -> float:
        """The mean over the span, or over the seconds since the first look if those are fewer."""
        total = self.total(now)
        return total / min(self._advance(now) - self._first + 1, self._span)

    def _advance(self, now: float) -> int:
        second = int(now // 1)
        if self._newest is None:
            self._newest = self._first = second
        for stale in range(self._newest + 1, min(second, self._newest + self._span) + 1):
            self._buckets[stale % self._span] = 0
        self._newest = max(self._newest, second)
        return self._newest


class Growth:
    """How a total grows, from looking at it about once a second."""

    __slots__ = ("_before", "_window")

    def __init__(self, span: int) -> None:
        self._before: float = 0
        self._window = RateWindow(span)

    def look(self, total: float, now: float) -> float:
        """Note the total; by how much it has grown within the span."""
        self._window.add(total - self._before, now)
        self._before = total
        return self._window.total(now)

    def per_second(self, total: float, now: float) -> float:
        """Note the total; its mean growth per second within the span."""
        self.look(total, now)
        return self._window.per_second(now)


class FailureShare:
    """Which part of the calls of the last seconds failed."""

    __slots__ = ("_calls", "_errors", "_new_calls", "_new_errors")

    def __init__(self, span: int) -> None:
        self._calls = RateWindow(span)
        self._errors = RateWindow(span)
        self._new_calls = 0
        self._new_errors = 0

    def count(self, calls: int, errors: int) -> None:
        """Note calls; cheap. `settle` says when they were."""
        self._new_calls += calls
        self._new_errors += errors

    def settle(self, now: float) -> None:
        """What was counted since the last time happened now. About once a second."""
        self._calls.add(self._new_calls, now)
        self._errors.add(self._new_errors, now)
        self._new_calls = self._new_errors = 0

    def percent(self, now: float) -> float:
        """0 while there were no calls."""
        calls = self._calls.total(now)
        return 100.0 * self._errors.total(now) / calls if calls else 0.0
