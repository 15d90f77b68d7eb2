"""The time that all nodes of a cluster have: the database's, kept up between looks at it.

Leases end by the database's clock. If retries, pauses and schedules went by that of each machine,
a machine whose clock is wrong would try too early or too late what another one has recorded, and
push the times of receipt of all others ahead of the true time.
"""

from __future__ import annotations

import logging
from typing import Final

from event_system.kernel.clock import Clock

SECOND_US: Final = 1_000_000
MOST_OFF_SECONDS: Final = 1.0
"""A machine's clock that is off by more is told: its log lines have other times than events."""
PACE: Final = 0.5
"""The part of the time since the last correction by which the next one may move the clock."""

_log = logging.getLogger(__name__)


class ClusterClock:
    """Implements `kernel.clock.Clock`: a machine's monotonic clock, corrected by a better one.

    So it does not follow a wall clock that is set while the process runs. Until `set` it shows
    what the machine's wall clock showed when it was made. After that it never goes back, but
    stands still where it was ahead; and a correction moves it by half of the time since the one
    before at most, so that one wrong answer does little.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._base_us = machine.now_us() - _micros(machine.monotonic())
        self._floor_us = 0
        self._corrected = machine.monotonic()
        self._is_off = False

    def now_us(self) -> int:
        return max(self._base_us + _micros(self._machine.monotonic()), self._floor_us)

    def monotonic(self) -> float:
        return self._machine.monotonic()

    @property
    def ahead_us(self) -> int:
        """By how much the machine's wall clock is ahead of this one; below 0 it is behind."""
        return self._machine.now_us() - self.now_us()

    @property
    def is_off(self) -> bool:
        """Whether the machine's wall clock was wrong by more than `MOST_OFF_SECONDS` last time."""
        return self._is_off

    def set(self, asked: float, us: int) -> None:
        """Show what the better clock shows, whatever was shown before.

        It said `us` at a moment between `asked`, by `monotonic`, and now.
        """
        now = self.monotonic()
        self._floor_us = 0
        self._move(now, us + _micros(now - asked) // 2)

    def correct(self, asked: float, us: int) -> None:
        """Come nearer to the better clock, which said `us` between `asked` and now.

        What it shows now lies between `us` and that plus the time since `asked`: nothing is
        wrong as long as this clock does too.
        """
        now = self.monotonic()
        self._floor_us = self.now_us()
        shown = self._base_us + _micros(now)
        wanted = min(max(shown, us), us + _micros(now - asked))
        step = int(PACE * _micros(now - self._corrected))
        self._move(now, min(max(wanted, shown - step), shown + step))

    def _move(self, now: float, us: int) -> None:
        self._base_us = us - _micros(now)
        self._corrected = now
        seconds = self.ahead_us / SECOND_US
        most = MOST_OFF_SECONDS / 2 if self._is_off else MOST_OFF_SECONDS  # told once, not in turns
        if (abs(seconds) > most) == self._is_off:
            return
        self._is_off = not self._is_off
        if self._is_off:
            way = "ahead of" if seconds > 0 else "behind"
            text = "this machine's clock is %.1f s %s the database's, by which the node goes"
            _log.warning(text, abs(seconds), way)
        else:
            _log.info("this machine's clock shows what the database's does again")


def _micros(seconds: float) -> int:
    return int(seconds * SECOND_US)
