"""A clock that a test sets."""

from __future__ import annotations

import time

HOUR_US = 3_600_000_000
SECOND_US = 1_000_000


class HandClock:
    """Implements `Clock`: stands still until it is set; monotonic time goes on."""

    def __init__(self, us: int = 1_800_000_000_000_000) -> None:
        self.us = us

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return time.monotonic()
