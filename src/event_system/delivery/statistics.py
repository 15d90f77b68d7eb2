"""What one listener did, counted cheaply on the loop and read by metrics and status."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

WINDOW_SECONDS = 60


class Statistics:
    """Totals of one listener, and its rates over the last minute.

    `retries` are attempts after the first, `interrupted` those that the end of a process cut off,
    `dead` events that became dead letters.
    """

    __slots__ = ("_marks", "dead", "errors", "handled", "interrupted", "last_error", "retries")

    def __init__(self) -> None:
        self.handled = 0
        self.errors = 0
        self.retries = 0
        self.interrupted = 0
        self.dead = 0
        self.last_error: str | None = None
        self._marks: deque[tuple[float, int, int]] = deque()

    def count(self, handled: int, errors: int) -> None:
        self.handled += handled
        self.errors += errors

    def mark(self, now: float) -> None:
        """Note the totals; called about once a second."""
        self._marks.append((now, self.handled, self.errors))
        while self._marks[0][0] < now - WINDOW_SECONDS:
            self._marks.popleft()

    def rates(self) -> tuple[float, float]:
        """Events and errors per second over the marks of the last minute."""
        if len(self._marks) < 2:
            return 0.0, 0.0
        start, handled, errors = self._marks[0]
        end, handled_then, errors_then = self._marks[-1]
        span = max(end - start, 1e-9)
        return (handled_then - handled) / span, (errors_then - errors) / span


class Observed(msgspec.Struct, frozen=True):
    """A slice of finished calls of one listener: how long each took, and its event's age.

    `traced` is the slowest call whose event has a traceparent: its place, and that.
    """

    listener: str
    durations: Sequence[float]
    ages: Sequence[float]
    errors: int
    traced: tuple[int, str] | None = None


Observer = Callable[[Observed], None]


def slowest_traced(
    durations: Sequence[float], traces: Sequence[str | None]
) -> tuple[int, str] | None:
    """The place of the slowest call among those with a traceparent, and that."""
    if not any(traces):
        return None
    at = max((at for at, trace in enumerate(traces) if trace), key=durations.__getitem__)
    return at, str(traces[at])
