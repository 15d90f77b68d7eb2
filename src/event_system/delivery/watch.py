"""Deadlines of running calls, watched by one timer instead of one a call.

Setting a deadline is an attribute write, so that timing costs nothing while all goes well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

TICK_SECONDS = 0.05


class Slot:
    """One task's current call. `deadline` is in monotonic time; infinite between calls."""

    __slots__ = ("_watch", "deadline", "expired", "task")

    def __init__(self, watch: Watch, task: asyncio.Task[Any]) -> None:
        self._watch = watch
        self.task = task
        self.deadline = float("inf")
        self.expired = False

    def __enter__(self) -> Slot:
        self._watch.slots.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._watch.slots.discard(self)

    def take_expiry(self) -> bool:
        """Whether the call overran; clears the cancellation that the watch asked for."""
        self.deadline = float("inf")
        if not self.expired:
            return False
        self.expired = False
        self.task.uncancel()
        return True


class Watch:
    """Cancels calls past their deadline, within a tick."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monotonic: Callable[[], float]) -> None:
        self.slots: set[Slot] = set()
        self.monotonic = monotonic
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def slot(self) -> Slot:
        """A slot for the current task; enter it for as long as calls are made."""
        task = asyncio.current_task()
        assert task is not None  # all callers are coroutines of tasks
        if self._timer is None:
            self._timer = self._loop.call_later(TICK_SECONDS, self._tick)
        return Slot(self, task)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._timer = None
        now = self.monotonic()
        for slot in [s for s in self.slots if s.deadline < now and not s.expired]:
            slot.expired = True
            slot.task.cancel()
        if self.slots:
            self._timer = self._loop.call_later(TICK_SECONDS, self._tick)
