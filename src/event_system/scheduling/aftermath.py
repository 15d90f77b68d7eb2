"""Sync listeners of events that nobody waits for: run when an event has fired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from event_system.events.event import Row
from event_system.events.manager import EventManager

MAX_RUNNING: Final = 1000
"""Events whose listeners run at the same time; firing waits while there are more."""


class Aftermath:
    """Runs the sync listeners of fired events, each event by itself.

    Results go nowhere; failures are recorded by whoever runs the listeners.
    """

    def __init__(self, manager: EventManager, loop: asyncio.AbstractEventLoop) -> None:
        self._manager = manager
        self._loop = loop
        self._running: set[asyncio.Task[object]] = set()
        self._waiting: list[Callable[[], None]] = []

    def run(self, row: Row, offset: int) -> None:
        """Run the listeners of an event that went into the log; a duplicate has none to run."""
        if offset > 0 and self._manager.sync_listeners(row[5]):
            task = self._loop.create_task(self._manager.run_sync(row, offset))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def when_calm(self, go: Callable[[], None]) -> None:
        """Call `go` as soon as no more than `MAX_RUNNING` are under way: mostly now."""
        if len(self._running) < MAX_RUNNING:
            go()
        else:
            self._waiting.append(go)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if self._waiting and len(self._running) < MAX_RUNNING:
            self._waiting.pop()()

    @property
    def busy(self) -> bool:
        """Whether listeners are under way."""
        return bool(self._running)

    async def drain(self) -> None:
        """Wait for all that run."""
        while self._running:
            await asyncio.wait(self._running)
