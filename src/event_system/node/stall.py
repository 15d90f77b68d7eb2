"""Tells the operator which code blocks the event loop.

A thread looks at a heartbeat of the loop. When the beat is late, the loop's thread is inside
some call right now: its stack names the culprit.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType

BEAT_SECONDS = 0.1
STALL_SECONDS = 0.3
_log = logging.getLogger(__name__)


class StallMonitor:
    """Logs one warning a stall, with the innermost lines of what blocks."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monotonic: Callable[[], float]) -> None:
        self.stalls = 0
        self._loop = loop
        self._monotonic = monotonic
        self._beat = monotonic()
        self._thread_id = threading.get_ident()
        self._ended = threading.Event()
        self._timer = loop.call_later(BEAT_SECONDS, self._tick)
        threading.Thread(target=self._watch, name="stall-monitor", daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._timer.cancel()

    def _tick(self) -> None:
        self._beat = self._monotonic()
        self._timer = self._loop.call_later(BEAT_SECONDS, self._tick)

    def _watch(self) -> None:
        reported = 0.0
        while not self._ended.wait(BEAT_SECONDS):
            beat = self._beat
            late = self._monotonic() - beat
            if late > STALL_SECONDS and beat != reported:
                reported = beat
                self.stalls += 1
                self._report(late, sys._current_frames().get(self._thread_id))

    def _report(self, late: float, frame: FrameType | None) -> None:
        lines = traceback.format_stack(frame)[-6:] if frame is not None else []
        _log.warning(
            "the event loop has been blocked for %.1f s; the last lines of the stack are the "
            "cause. Declare a listener that computes or blocks as a plain function: it then "
            "runs in a thread.",
            late,
            extra={"context": {"stack": "".join(lines)}},
        )
