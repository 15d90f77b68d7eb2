"""The worker processes of a node. A lane's events always go to the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from event_system.delivery.attempts import RemoteHandler
from event_system.events.event import Event
from event_system.metrics.merging import Merged
from event_system.workers.frames import Begin
from event_system.workers.seat import Seat


class WorkerPool:
    """`size` processes of a command, which all begin alike. `start` before use, `stop` once.

    `merged` gets what they count.
    """

    def __init__(
        self, size: int, command: Sequence[str], begin: Begin, merged: Merged | None = None
    ) -> None:
        self._seats = [Seat(command, begin, merged) for _ in range(size)]
        self._tasks: list[asyncio.Task[None]] = []

    def handler(self, listener: str) -> RemoteHandler:
        """What stands for a listener's handler here."""
        return _Handler(listener, self._seats)

    def start(self) -> None:
        """Start the processes; calls wait until they are ready."""
        for number, seat in enumerate(self._seats):
            task = asyncio.get_running_loop().create_task(seat.run(), name=f"worker {number}")
            self._tasks.append(task)

    async def stop(self) -> None:
        """Let the processes end, whatever they have in hand."""
        for seat in self._seats:
            seat.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def running(self) -> int:
        """Processes that take calls."""
        return sum(seat.running for seat in self._seats)

    @property
    def restarts(self) -> int:
        """How often a process was started in the place of one that had ended."""
        return sum(seat.restarts for seat in self._seats)

    @property
    def in_flight(self) -> int:
        """Calls that have not come back."""
        return sum(seat.in_flight for seat in self._seats)

    @property
    def troubled(self) -> bool:
        """Whether handlers cannot be called somewhere, and that does not pass by itself."""
        return any(seat.troubled for seat in self._seats)

    def set_level(self, level: int) -> None:
        """The least severe level of the processes' log lines, as `logging` has it."""
        for seat in self._seats:
            seat.set_level(level)


class _Handler(RemoteHandler):
    """Calls one listener's handler in the process of the event's lane."""

    def __init__(self, listener: str, seats: Sequence[Seat]) -> None:
        self._listener = listener
        self._seats = seats

    async def ready(self, event: Event) -> None:
        await self._seat(event).ready(self._listener, event)

    async def __call__(self, event: Event) -> None:
        await self._seat(event).call(self._listener, event)

    def _seat(self, event: Event) -> Seat:
        return self._seats[event.lane % len(self._seats)]
