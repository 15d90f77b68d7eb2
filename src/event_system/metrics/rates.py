"""What happened in the last seconds: sums, growth of totals, share of failures."""

from __future__ import annotations


class RateWindow:
    """A ring of buckets, one for each `bucket_seconds` of the last `span_seconds`.

    Times are monotonic seconds; one that goes back counts as the newest seen.
    """

    __slots__ = ("_bucket_seconds", "_buckets", "_first", "_newest", "span_seconds")

    def __init__(self, span_seconds: int, bucket_seconds: int = 1) -> None:
        self.span_seconds = span_seconds
        self._bucket_seconds = bucket_seconds
        self._buckets: list[float] = [0] * -(-span_seconds // bucket_seconds)
        self._newest: int | None = None
        self._first: float | None = None

    def add(self, amount: float, now: float) -> None:
        at = self._advance(now)
        self._buckets[at % len(self._buckets)] += amount

    def total(self, now: float, window_seconds: float | None = None) -> float:
        """What was added in the newest buckets that make up the window (the whole span)."""
        newest = self._advance(now)
        size = len(self._buckets)
        count = size if window_seconds is None else int(window_seconds / self._bucket_seconds)
        oldest = newest - min(max(count, 1), size) + 1
        low, high = oldest % size, newest % size
        if low <= high:
            return sum(self._buckets[low : high + 1])
        return sum(self._buckets[low:]) + sum(self._buckets[: high + 1])

    def per_second(self, now: float, window_seconds: float | None = None) -> float:
        """The mean over the window, or over the time since the first `add` if that is less.

        An `add` stands for what happened in the bucket's time before it.
        """
        total = self.total(now, window_seconds)
        first = now if self._first is None else self._first
        window = self.span_seconds if window_seconds is None else window_seconds
        return total / min(max(now - first, 0.0) + self._bucket_seconds, window)

    def _advance(self, now: float) -> int:
        at = int(now // self._bucket_seconds)
        if self._newest is None:
            self._newest, self._first = at, now
        elif at > self._newest:
            size = len(self._buckets)
            for stale in range(self._newest + 1, min(at, self._newest + size) + 1):
                self._buckets[stale % size] = 0
            self._newest = at
        return self._newest


class Growth:
    """How a total grows, from looking at it about once a second."""

    __slots__ = ("_before", "_window")

    def __init__(self, span_seconds: int) -> None:
        self._before: float = 0
        self._window = RateWindow(span_seconds)

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

    def __init__(self, span_seconds: int, bucket_seconds: int = 1) -> None:
        self._calls = RateWindow(span_seconds, bucket_seconds)
        self._errors = RateWindow(span_seconds, bucket_seconds)
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
