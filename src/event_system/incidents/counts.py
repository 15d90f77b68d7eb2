"""What is counted of incidents since the start. Loop thread only, but for reading."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final, Literal, TypeAlias

from event_system.incidents.levels import LEVELS, Level

Origin: TypeAlias = Literal["alert", "watchdog", "operator"]
"""What opened or resolved an incident: alerts that began or were over, their absence, a person."""

BOUNDS: Final = (
    *(30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0),
    *(86_400.0, 259_200.0, 604_800.0),
)
"""Seconds: among them the times in which the levels are to be answered, 5 min to 24 h."""


class Spans:
    """How long something took: how many were at most as long as each of `BOUNDS`, and longer."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, span_us: int) -> None:
        """A negative one, of a clock that was set back, is none."""
        seconds = max(0, span_us) / 1_000_000
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Counts:
    """Numbers by level: `acknowledged_after` is how long the first answer took."""

    def __init__(self) -> None:
        self.opened: Counter[tuple[Level, Origin]] = Counter()
        self.resolved: Counter[tuple[Level, Origin]] = Counter()
        self.acknowledged_after = {level: Spans() for level in LEVELS}
        self.resolved_after = {level: Spans() for level in LEVELS}
