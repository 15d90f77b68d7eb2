"""One timer for the earliest due time. It follows the wall clock, however that jumps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from event_system.kernel.clock import CallLater, Timer

LOOK_SECONDS = 1.0
"""The clock may be set: nobody sleeps longer than this without looking at it."""

_SECOND_US = 1_000_000
_log = logging.getLogger(__name__)


class Work(Protocol):
    """What becomes due."""

    @property
    def next_us(self) -> int | None:
        """When the next piece is due, by the wall clock; None where nothing waits."""

    def fire(self, now_us: int, done: Callable[[Exception | None], None]) -> None:
        """Do a bounded part of what is due, then call `done`, once, on the loop."""


class Pump:
    """Calls `Work.fire` when something is due; one call at a time."""

    def __init__(self, work: Work, now_us: Callable[[], int], call_later: CallLater) -> None:
        self._work = work
        self._now_us = now_us
        self._call_later = call_later
        self._timer: Timer | None = None
        self._running = False
        self._firing = False

    def start(self) -> None:
        self._running = True
        self.look()

    def stop(self) -> None:
        """Begin nothing more; what is on its way ends as it would."""
        self._running = False
        self._cancel()

    @property
    def busy(self) -> bool:
        """Whether something is being fired."""
        return self._firing

    def look(self) -> None:
        """Look at what is due now: fire, or sleep until then. Call it when that has changed."""
        self._cancel()
        if not self._running or self._firing:
            return
        due, now = self._work.next_us, self._now_us()
        if due is not None and due <= now:
            self._firing = True
            self._work.fire(now, self._fired)
            return
        seconds = LOOK_SECONDS if due is None else min(LOOK_SECONDS, (due - now) / _SECOND_US)
        self._timer = self._call_later(seconds, self.look)

    def _fired(self, error: Exception | None) -> None:
        self._firing = False
        if error is None:
            self.look()
            return
        _log.error("what is due could not be fired, and is tried again: %s", error)
        if self._running:
            self._timer = self._call_later(LOOK_SECONDS, self.look)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
