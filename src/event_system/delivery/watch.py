"""Deadlines of running calls, watched by one timer instead of one a call.

While all goes well, timing a call costs an attribute write or a list append.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

TICK_SECONDS = 0.05


class Watched(Protocol):
    """A task that makes calls one after the other."""

    def check(self, now: float) -> None:
        """Cancel the task if its current call is over its deadline; monotonic time."""


class Watch:
    """Checks all running calls, every tick. `running` is added to and taken from freely."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monotonic: Callable[[], float]) -> None:
        self.running: set[Watched] = set()
        self.monotonic = monotonic
        self._loop = loop
        self._timer = loop.call_later(TICK_SECONDS, self._tick)

    def slot(self) -> Slot:
        """A slot for the current task; enter it for as long as calls are made."""
        return Slot(self, current_task())

    def close(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)
        now = self.monotonic()
        for watched in list(self.running):
            watched.check(now)


class Slot:
    """One task's current call. `deadline` is in monotonic time; infinite between calls."""

    __slots__ = ("_watch", "deadline", "expired", "task")

    def __init__(self, watch: Watch, task: asyncio.Task[Any]) -> None:
        self._watch = watch
        self.task = task
        self.deadline = float("inf")
        self.expired = False

    def __enter__(self) -> Slot:
        self._watch.running.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._watch.running.discard(self)

    def check(self, now: float) -> None:
        if self.deadline < now and not self.expired:
            self.expired = True
            self.task.cancel()

    def take_expiry(self) -> bool:
        """Whether the call overran; clears the cancellation that the watch asked for."""
        self.deadline = float("inf")
        if not self.expired:
            return False
        self.expired = False
        self.task.uncancel()
        return True


def current_task() -> asyncio.Task[Any]:
    """The running task; all callers are coroutines of tasks."""
    task = asyncio.current_task()
    assert task is not None
    return task
