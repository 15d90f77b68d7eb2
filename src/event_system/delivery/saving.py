"""Keeps what comes of deliveries: cursors, failures and replays, a few milliseconds at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from event_system.delivery.lane import Lane
from event_system.delivery.ports import Cursor, CursorStore, Failure
from event_system.delivery.replays.running import Running
from event_system.delivery.retries import Retries
from event_system.kernel.tasks import end

SAVE_SECONDS = 0.025
"""How often cursors are saved: what a crash makes a listener see again is that young."""
AGAIN_SECONDS = 1.0
"""When a save that has failed is tried again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Readers:
    """Who has to know what is saved."""

    retries: Retries
    replays: Running
    keep_up: Callable[[], Awaitable[None]]
    """Called after each regular save."""


class Saver:
    """Gathers what is new, and saves it in one transaction; one after the other.

    `failures` are those that are not saved yet, by listener and offset; None where a delivery has
    failed no more. `routed()` is the newest offset that was shown to listeners.
    """

    def __init__(
        self, store: CursorStore, loop: asyncio.AbstractEventLoop, routed: Callable[[], int]
    ) -> None:
        self.failures: dict[tuple[str, int], Failure | None] = {}
        self._store = store
        self._loop = loop
        self._routed = routed
        self._dirty: dict[Lane, str] = {}
        self._saved = -1
        self._saving = asyncio.Lock()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def moved(self) -> None:
        """There is something new."""
        self._moved.set()

    def record(self, failure: Failure) -> None:
        """Note a failed delivery; saved with the next cursors."""
        self.failures[failure.listener, failure.offset] = failure
        self._moved.set()

    def recovered(self, listener: str, offset: int) -> None:
        """Note that a delivery has failed no more."""
        self.failures[listener, offset] = None
        self._moved.set()

    def changed(self, listener: str, lane: Lane) -> None:
        """Note that a cursor has moved, or what it stands for."""
        self._dirty[lane] = listener
        self._moved.set()

    def start(self, readers: Readers) -> None:
        self._readers = readers
        self._task = self._loop.create_task(self._save_regularly(), name="cursors")

    async def stop(self) -> None:
        """Save for the last time."""
        if self._task is not None:  # else nothing has begun
            await end(self._task)
            await self.save()

    async def forget(self) -> None:
        """Save nothing of what is new as of now: it is others' to find out again.

        What is being saved comes to its end before, whatever that is.
        """
        async with self._saving:
            self._dirty.clear()
            self.failures.clear()

    async def _save_regularly(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            await asyncio.sleep(SAVE_SECONDS)
            try:
                await self.save()
                await self._readers.keep_up()
            except Exception as error:  # noqa: BLE001 - the next round tries again
                _log.error("cursors could not be saved: %s", error)
                self._moved.set()
                await asyncio.sleep(AGAIN_SECONDS)

    async def save(self) -> None:
        """Save what is new as of now. Raises what the store raises."""
        async with self._saving:  # or what is older might be saved later
            await self._save()

    async def _save(self) -> None:
        dirty, news = self._dirty, self.failures.copy()
        replays = self._readers.replays.take_news()
        routed = self._routed()
        if not (dirty or news or replays or routed != self._saved):
            return
        self._dirty = {}
        cursors = [_snapshot(n, lane, routed) for lane, n in dirty.items() if lane.number >= 0]
        failures = [failure for failure in news.values() if failure is not None]
        done = [key for key, failure in news.items() if failure is None]
        try:
            await self._store.save(routed, cursors, failures, done, [each for _, each in replays])
        except BaseException:
            self._readers.replays.not_saved(replays)
            self._dirty = {**dirty, **self._dirty}
            raise
        self._saved = routed
        for key in [k for k, failure in news.items() if self.failures[k] is failure]:
            del self.failures[key]
        self._readers.retries.saved(failures)
        self._readers.replays.saved(replays)


def _snapshot(listener: str, lane: Lane, routed: int) -> Cursor:
    if lane.idle:
        lane.cursor = max(lane.cursor, routed)
    return Cursor(listener, lane.number, lane.cursor, lane.idle)
