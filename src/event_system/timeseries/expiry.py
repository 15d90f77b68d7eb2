"""What is old enough, or too much, to be deleted; and a clock that cannot make everything old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from event_system.timeseries.options import HOUR_MS, MINUTE_MS

DOUBT_MS: Final = HOUR_MS
"""How long a clock that has jumped is doubted."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A block as its deletion is judged."""

    name: str
    max_ms: int
    bytes: int


def expired(
    blocks: Sequence[Kept], now_ms: int, retention_ms: int, most_bytes: int | None, other_bytes: int
) -> list[str]:
    """The names of the blocks to delete: those that end too long ago, then the oldest too many.

    `other_bytes` are those of the journal, which count and cannot be deleted.
    """
    oldest_first = sorted(blocks, key=lambda block: block.max_ms)
    gone = [block for block in oldest_first if block.max_ms < now_ms - retention_ms]
    left = oldest_first[len(gone) :]
    total = other_bytes + sum(block.bytes for block in left)
    while most_bytes is not None and total > most_bytes and left:
        total -= left[0].bytes
        gone.append(left.pop(0))
    return [block.name for block in gone]


class CautiousClock:
    """The wall clock as far as it agrees with the time that has passed.

    Where it jumps by over a minute, it is doubted for an hour, and the earlier of the two times
    counts: neither a clock that is a year ahead for a while, nor a sample of next year, must delete
    everything. `known_ms` is the newest sample's time at the start: a clock far from it is doubted
    too.
    """

    def __init__(self, known_ms: int, monotonic: float) -> None:
        self._trusted_ms = known_ms
        self._at = monotonic
        self._offset: float | None = None
        self._since = monotonic

    def now_ms(self, wall_ms: int, monotonic: float) -> int:
        """The time to go by; to be asked again and again."""
        expected = self._trusted_ms + (monotonic - self._at) * 1000
        offset = wall_ms - monotonic * 1000
        if self._offset is None or abs(offset - self._offset) > MINUTE_MS:
            self._offset, self._since = offset, monotonic
        steady_ms = (monotonic - self._since) * 1000
        if abs(wall_ms - expected) <= MINUTE_MS or steady_ms >= DOUBT_MS:
            self._trusted_ms, self._at = wall_ms, monotonic
            return wall_ms
        return min(wall_ms, int(expected))
