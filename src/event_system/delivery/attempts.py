"""One attempt: a handler is called with an event, isolated and timed."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod

from event_system.delivery.calls import prepare
from event_system.delivery.surroundings import Shared
from event_system.delivery.watch import Slot
from event_system.events.event import Event
from event_system.events.listener import Listener


class RemoteHandler(ABC):
    """Stands for a handler that is called in another process."""

    @abstractmethod
    async def ready(self, event: Event) -> None:
        """Wait until the handler can be called with the event; that takes none of its time."""

    @abstractmethod
    async def __call__(self, event: Event) -> None:
        """Call the handler. Cancelling this cancels the handler, or ends its process.

        Raises `RemoteError` with what the handler raised, and `WorkerEndedError`.
        """


class Attempts:
    """Calls the handler of one listener."""

    def __init__(self, listener: Listener, shared: Shared) -> None:
        self.call, self._threads = prepare(listener, shared.loop)
        handler = listener.handler
        self._remote = handler if isinstance(handler, RemoteHandler) else None
        self._timeout = listener.timeout
        self._shared = shared

    async def make(self, event: Event, slot: Slot, started: float) -> BaseException | None:
        """Call the handler, whose time counts from `started` on; its error."""
        if self._remote is not None:
            slot.deadline = math.inf
            await self._remote.ready(event)
            started = self._shared.watch.monotonic()
        slot.deadline = started + self._timeout
        self._shared.bind_trace(event.traceparent)
        try:
            await self.call(event)
        except asyncio.CancelledError as error:
            if not slot.expired:
                if slot.task.cancelling():
                    raise
                return error  # the handler's own doing
        except (Exception, SystemExit) as error:  # noqa: BLE001 - isolation is the point
            return error
        if slot.expired:
            slot.take_expiry()
            return TimeoutError(f"took longer than its timeout of {self._timeout:g} s")
        return None

    def close(self) -> None:
        """End the handler's idle threads."""
        if self._threads is not None:
            self._threads.close()
