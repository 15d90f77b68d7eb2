"""How often a channel may be asked."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

_UNITS: Final = {1.0: "s", 60.0: "min", 3_600.0: "h"}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many requests within any span of so many seconds."""

    most: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.most}/{_UNITS.get(self.seconds, f'{self.seconds:g}s')}"


class Gate:
    """When a channel may be asked next; `now` are seconds of a clock that never goes back."""

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._asked: deque[float] = deque(maxlen=limit.most if limit else 1)
        self._closed_until = 0.0

    def wait_seconds(self, now: float) -> float:
        """How long to wait; 0 where it may be asked now."""
        return max(self._limited_until() - now, self._closed_until - now, 0.0)

    def is_asked_to_wait(self) -> bool:
        """Whether it is the receiver that makes it wait longest, and not the limit."""
        return self._closed_until > self._limited_until()

    def _limited_until(self) -> float:
        limit = self._limit
        if limit is None or len(self._asked) < limit.most:
            return -math.inf
        return self._asked[0] + limit.seconds

    def asked(self, now: float) -> None:
        """It is asked now."""
        self._asked.append(now)

    def close(self, now: float, seconds: float) -> None:
        """It wants to be left alone for a while."""
        self._closed_until = max(self._closed_until, now + seconds)
