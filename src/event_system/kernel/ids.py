"""Event ids that sort by time, for events whose sender gives none."""

from __future__ import annotations

from collections.abc import Callable


class IdFactory:
    """Makes ids of 32 hex digits: 12 of milliseconds, 8 of a counter, 12 of this run's salt.

    The order of ids is the order of making. The salt keeps two runs (or two nodes) apart, so
    an id never needs to be looked up among the stored ones.
    """

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._salt = random_bytes(6).hex()
        self._count = int.from_bytes(random_bytes(2), "big")

    def next(self, now_us: int) -> str:
        self._count = (self._count + 1) & 0xFFFFFFFF
        return f"{now_us // 1000:012x}{self._count:08x}{self._salt}"
