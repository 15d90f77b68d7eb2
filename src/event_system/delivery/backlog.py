"""Whether some listener is so far behind that the node takes no more events for now."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from event_system.kernel.errors import BacklogFullError

LOOK_SECONDS = 0.1
LONGEST_SECONDS = 1.0
REST = 100
"""So many times as long as a look took nobody looks again: the lags of many listeners cost."""
OPEN_AGAIN = 0.9
"""At this part of the limit events are taken again."""


class Backlog:
    """Looks at the listeners' lags now and then. Loop thread only.

    `lags` are those of listeners that run. A lag counts from the lowest that it had since the
    node started: a new listener that begins at the beginning of an old log keeps nobody out
    while it catches up. `changed` is called when `full` has changed.
    """

    def __init__(
        self, lags: Callable[[], Mapping[str, int]], monotonic: Callable[[], float], limit: int
    ) -> None:
        self.limit = limit
        self.full = False
        self.largest = 0
        self.changed: Callable[[], None] = lambda: None
        self._who = ""
        self._lags = lags
        self._monotonic = monotonic
        self._lowest: dict[str, int] = {}
        self._again = -math.inf

    def look(self) -> None:
        """Look again, unless that was done a moment ago."""
        now = self._monotonic()
        if now >= self._again:
            self._judge(self._lags())
            rest = REST * (self._monotonic() - now)
            self._again = now + min(max(LOOK_SECONDS, rest), LONGEST_SECONDS)

    def check(self) -> None:
        """Raise `BacklogFullError` where nothing may be taken now."""
        if self.full:
            self.look()
        if self.full:
            raise BacklogFullError(
                f"{self._who} is {self.largest} events behind, over {self.limit}", where=self._who
            )

    def _judge(self, lags: Mapping[str, int]) -> None:
        self._lowest = {name: min(lag, self._lowest.get(name, lag)) for name, lag in lags.items()}
        grown = {name: lag - self._lowest[name] for name, lag in lags.items()}
        self._who = max(grown, key=grown.__getitem__, default="")
        self.largest = grown.get(self._who, 0)
        full = self.largest > (self.limit * OPEN_AGAIN if self.full else self.limit)
        if full != self.full:
            self.full = full
            self.changed()
