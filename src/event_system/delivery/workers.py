"""The tasks that handle a listener's lanes, each lane by one task at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection
from typing import Protocol

from event_system.delivery.lane import Lane
from event_system.delivery.surroundings import Shared
from event_system.delivery.watch import Slot
from event_system.kernel.errors import StorageError

AGAIN_SECONDS = 1.0
"""How long nobody works for a listener where that has failed: its store may be away."""
CANCEL_SECONDS = 1.0
"""How long handlers have to end once they are cancelled; then nobody waits for them."""

_log = logging.getLogger(__name__)


class Employer(Protocol):
    """A subscription, as far as its workers go."""

    @property
    def name(self) -> str: ...
    @property
    def most_workers(self) -> int:
        """Lanes that are handled at the same time."""

    async def handle_slice(self, lane: Lane, slot: Slot) -> None:
        """Handle the next events of a lane."""

    def put_down(self, lane: Lane) -> bool:
        """A worker has handled a slice; whether there is more to do at once."""


class Workers:
    """They are hired as lanes become ready, and leave when none is."""

    def __init__(self, employer: Employer, shared: Shared) -> None:
        self._employer = employer
        self._shared = shared
        self._ready: deque[Lane] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._put_down = asyncio.Event()
        self._hiring: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    def add(self, lane: Lane) -> None:
        """Let a worker have the lane when its turn comes."""
        self._ready.append(lane)
        self._hire()

    def withdraw(self, lane: Lane) -> None:
        """The lane waits for no worker any more."""
        self._ready.remove(lane)

    def _hire(self) -> None:
        if len(self._tasks) < self._employer.most_workers:
            name = f"listener {self._employer.name}"
            task = self._shared.loop.create_task(self._work(), name=name)
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _work(self) -> None:
        employer = self._employer
        with self._shared.watch.slot() as slot:
            while self._ready:
                lane = self._ready.popleft()
                lane.worker = slot.task
                try:
                    await employer.handle_slice(lane, slot)
                finally:
                    self._finish(lane)
                await asyncio.sleep(0)
            self._tasks.discard(slot.task)  # from here on a new event hires anew

    def _finish(self, lane: Lane) -> None:
        if lane.worker is None:
            return  # it was given up meanwhile
        lane.worker = None
        if self._employer.put_down(lane):
            self._ready.append(lane)
        self._put_down.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            trace = None if isinstance(error, StorageError) else error
            _log.error("a worker of %s failed: %s", self._employer.name, error, exc_info=trace)
            self._hiring = self._shared.loop.call_later(AGAIN_SECONDS, self._hire)

    async def let_go(self, lanes: Collection[Lane], grace_seconds: float) -> None:
        """Wait until these lanes are in nobody's hand: for the grace, then by cancelling.

        A handler that does not end then either goes on, but its lane counts as put down.
        """
        if await self._are_down(lanes, grace_seconds):
            return
        for lane in lanes:
            if lane.worker is not None:
                lane.worker.cancel()
        if not await self._are_down(lanes, CANCEL_SECONDS):
            name = self._employer.name
            _log.warning("%s does not end: what comes of it counts no more", name)
        for lane in lanes:
            lane.worker = None
        if self._ready:
            self._hire()

    async def _are_down(self, lanes: Collection[Lane], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while any(lane.worker is not None for lane in lanes):
                    self._put_down.clear()
                    await self._put_down.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is ready, for as long as that is granted."""
        if self._hiring is not None:
            self._hiring.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CANCEL_SECONDS)
