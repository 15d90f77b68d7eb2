"""Quantiles of what was observed in the last minutes.

A ring of t-digests, one for each fifth of the window; the oldest leaves as a whole. So the
window reaches back between four fifths of its length and all of it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from fastdigest import TDigest, merge_all

PERIODS: Final = 5
CENTROIDS: Final = 100
"""Of each digest: ranks near the ends are right to less than a thousandth, the middle to a hundredth."""


class SummaryChild:
    """A total as in histograms, and the values of the window in short."""

    __slots__ = ("_current", "_ends", "_monotonic", "_period", "_ring", "count", "sum")

    def __init__(self, window_seconds: float, monotonic: Callable[[], float]) -> None:
        self.count = 0
        self.sum: float = 0.0
        self._monotonic = monotonic
        self._period = window_seconds / PERIODS
        self._ends = monotonic() + self._period
        self._current = TDigest(CENTROIDS)
        self._ring = deque([self._current], maxlen=PERIODS)

    def observe(self, value: float) -> None:
        """Raises `ValueError` for NaN and infinities, which have no place in an order."""
        if (now := self._monotonic()) >= self._ends:
            self._turn(now)
        self._current.update(value)
        self.count += 1
        self.sum += value

    def quantiles(self, wanted: Sequence[float]) -> list[float]:
        """The values below which these parts of the window's lie; NaN where it has none."""
        if (now := self._monotonic()) >= self._ends:
            self._turn(now)
        filled = [digest for digest in self._ring if not digest.is_empty()]
        if not filled:
            return [math.nan] * len(wanted)
        whole = filled[0] if len(filled) == 1 else merge_all(filled)
        return [whole.quantile(part) for part in wanted]

    def _turn(self, now: float) -> None:
        periods = int((now - self._ends) / self._period) + 1
        for _ in range(min(periods, PERIODS)):
            self._ring.append(TDigest(CENTROIDS))
        self._current = self._ring[-1]
        self._ends += periods * self._period
