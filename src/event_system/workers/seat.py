"""A place for one worker process: it is started, called, and started again where it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from event_system.events.event import Event
from event_system.kernel.errors import WorkerEndedError, WorkerStartError
from event_system.metrics.merging import Merged
from event_system.workers.falls import Falls
from event_system.workers.frames import Begin, Level
from event_system.workers.link import Link
from event_system.workers.process import WorkerProcess

SLOW_SECONDS = 30.0
"""A process that takes longer to be ready is a trouble."""

MAX_SUSPECTS = 1000
"""The oldest are then as good as any other."""

_log = logging.getLogger(__name__)


class Seat:
    """Has one process at a time. `restarts` counts those after the first."""

    def __init__(self, command: Sequence[str], begin: Begin, merged: Merged | None = None) -> None:
        self.restarts = 0
        self._command = command
        self._begin = begin
        self._merged = merged
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._falls = Falls()
        self._suspects: dict[tuple[str, int], None] = {}
        self._suspects_waiting = 0
        self._alone = False
        self._started_at = self._loop.time()

    # Calls

    async def ready(self, listener: str, event: Event) -> None:
        """Wait until the listener's handler can be called here.

        When a process has ended, all that it had in hand is suspect. What is suspect is called
        alone, so that the event that is to blame takes no other along again.
        """
        suspect = (listener, event.offset) in self._suspects
        self._suspects_waiting += suspect
        try:
            while not self._admits(listener, suspect=suspect):
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._suspects_waiting -= suspect
            self._changed.set()

    def _admits(self, listener: str, *, suspect: bool) -> bool:
        """Nothing while a call is overdue, as it may end the process."""
        link = self._link
        if link is None or link.over or link.broken is None or listener in link.broken:
            return False
        if link.overdue or self._alone:
            return False
        return link.in_flight == 0 if suspect else self._suspects_waiting == 0

    async def call(self, listener: str, event: Event) -> None:
        """Call a handler. Raises `RemoteError` and `WorkerEndedError`."""
        if self._link is None:
            raise WorkerEndedError("the worker process has ended")
        key = listener, event.offset
        suspect = key in self._suspects
        self._alone = self._alone or suspect
        try:
            await self._link.call(listener, event)
        except WorkerEndedError:
            self._suspect(key)
            raise
        else:
            self._suspects.pop(key, None)
        finally:
            self._alone = self._alone and not suspect
            self._changed.set()

    def _suspect(self, key: tuple[str, int]) -> None:
        self._suspects[key] = None
        if len(self._suspects) > MAX_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]

    # What operators see

    @property
    def running(self) -> bool:
        """Whether there is a process that takes calls."""
        return self._link is not None and self._link.broken is not None

    @property
    def in_flight(self) -> int:
        return 0 if self._link is None else self._link.in_flight

    @property
    def troubled(self) -> bool:
        """Whether handlers cannot be called here, and that does not pass by itself; the log says why."""
        link, now = self._link, self._loop.time()
        if link is None or link.broken is None:
            return self._falls.loop(0.0) or now - self._started_at > SLOW_SECONDS
        return bool(link.broken) or self._falls.loop(now - link.ready_at)

    def set_level(self, level: int) -> None:
        """The least severe level of log lines, as `logging` has it."""
        self._begin = msgspec.structs.replace(self._begin, level=level)
        if self._link is not None:
            self._link.send(Level(level))

    # Life

    async def run(self) -> None:
        """Keep a process at work until `stop`."""
        while not self._stopping.is_set():
            await self._live()
            await self._rest()

    def stop(self) -> None:
        """Let the process end; `run` returns once it has."""
        self._stopping.set()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._falls.pause_seconds):
                await self._stopping.wait()

    async def _live(self) -> None:
        """One process, from its start to its end."""
        self._started_at = self._loop.time()
        try:
            process = await WorkerProcess.start(
                self._command, self._begin, self._changed.set, self._merged
            )
        except OSError as error:
            self._fall(f"could not be started: {error}", None)
            return
        link = self._link = process.link
        self._changed.set()
        why = await process.ended(self._stopping)
        self._link = None
        if not self._stopping.is_set():
            self._fall(why, link)
        link.abandon(why)

    def _fall(self, why: str, link: Link | None) -> None:
        was_ready = link is not None and link.broken is not None
        self._falls.note(self._loop.time() - link.ready_at if link and was_ready else 0.0)
        self.restarts += 1
        context = {
            "code": (WorkerEndedError if was_ready else WorkerStartError).code,
            "worker": None if link is None else link.pid,
            "calls": 0 if link is None else link.in_flight,
            "againSeconds": self._falls.pause_seconds,
        }
        _log.error("a worker process %s", why, extra={"context": context})
