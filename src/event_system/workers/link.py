"""The node's end of the pipe to one worker process: calls go out, outcomes come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import cast

import msgspec

from event_system.delivery.calls import RemoteError
from event_system.events.event import Event
from event_system.kernel.errors import WorkerEndedError
from event_system.metrics.merging import Merged
from event_system.workers.frames import (
    MAX_REPORT_BYTES,
    Begin,
    Cancel,
    Done,
    Failed,
    FrameError,
    Frames,
    Logged,
    Measured,
    Order,
    Ready,
    Report,
    Run,
    pack,
    read_report,
)
from event_system.workers.lines import write

OVERDUE_SECONDS = 1.0
"""How long a handler has to come back once its time is up; then its process is ended."""


@dataclass(slots=True)
class _Call:
    """A call on its way; `patience` runs once nobody waits for it any more."""

    listener: str
    outcome: asyncio.Future[None]
    patience: asyncio.TimerHandle | None = None


class Link(asyncio.Protocol):
    """One process's pipe. `changed` is called when calls may be possible that were not before.

    `kill` ends the process, for a reason. `broken` are the listeners that it cannot call, with the
    reason; None until it is ready, which was at `ready_at`. `overdue` counts calls that have not come
    back though their time is up. `over`: the process has ended, or is to.
    """

    def __init__(
        self,
        begin: Begin,
        pid: int,
        loop: asyncio.AbstractEventLoop,
        changed: Callable[[], None],
        kill: Callable[[str], None],
        merged: Merged | None = None,
    ) -> None:
        self.broken: dict[str, str] | None = None
        self.ready_at = 0.0
        self.over = False
        self.overdue = 0
        self.closed = asyncio.Event()
        self._begin = begin
        self.pid = pid
        self._loop = loop
        self._changed = changed
        self._kill = kill
        self._merged = merged
        self._frames = Frames(MAX_REPORT_BYTES)
        self._numbers = count()
        self._calls: dict[int, _Call] = {}

    @property
    def in_flight(self) -> int:
        """Calls that have not come back, those included that nobody waits for."""
        return len(self._calls)

    async def call(self, listener: str, event: Event) -> None:
        """Call a handler. Raises `RemoteError` and `WorkerEndedError`."""
        number = next(self._numbers)
        call = self._calls[number] = _Call(listener, self._loop.create_future())
        stored = msgspec.structs.replace(event, decoded=msgspec.UNSET)
        self.send(Run(number, listener, stored))
        try:
            await call.outcome
        except asyncio.CancelledError:
            if number in self._calls:
                self._give_up(number, call)
            raise

    def _give_up(self, number: int, call: _Call) -> None:
        self.overdue += 1
        self.send(Cancel(number))
        call.patience = self._loop.call_later(OVERDUE_SECONDS, self._end, call.listener)

    def _end(self, listener: str) -> None:
        self._kill(f"a call of {listener} did not come back when its time was up")

    def send(self, order: Order) -> None:
        """Write an order; it goes nowhere once the process has ended."""
        if self._is_open and not self.over:
            self._transport.write(pack(order))

    def finish(self) -> None:
        """Let the process end by itself: it gets no more orders."""
        self.over = True
        if self._is_open:
            self._transport.write_eof()

    @property
    def _is_open(self) -> bool:
        return not (self.closed.is_set() or self._transport.is_closing())

    def abandon(self, why: str) -> None:
        """The process has ended: nothing that is still on its way comes back."""
        self._transport.abort()
        detail = f"the worker process {why} ({WorkerEndedError.code})"
        if self._merged is not None:
            self._merged.gone(self.pid)
        calls, self._calls = self._calls, {}
        for call in calls.values():
            if call.patience is not None:
                call.patience.cancel()
            if not call.outcome.done():
                call.outcome.set_exception(WorkerEndedError(detail))

    # What comes in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.send(self._begin)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                self._take(read_report(body))
        except (FrameError, msgspec.DecodeError) as error:
            self._kill(f"it said what cannot be read: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self.over = True
        self.closed.set()

    def _take(self, report: Report) -> None:
        match report:
            case Done():
                self._answer(report.number, None)
            case Failed():
                self._answer(report.number, RemoteError(report.error, report.traceback))
            case Logged():
                write(report, self.pid)
            case Measured():
                if self._merged is not None:
                    self._merged.take(self.pid, report.changes)
            case Ready():
                self.ready_at = self.ready_at or self._loop.time()
                self.broken = report.broken
                self._changed()

    def _answer(self, number: int, error: RemoteError | None) -> None:
        call = self._calls.pop(number, None)
        if call is None:
            return
        if call.patience is not None:
            call.patience.cancel()
            self.overdue -= 1
        if not call.outcome.done():
            if error is None:
                call.outcome.set_result(None)
            else:
                call.outcome.set_exception(error)
        self._changed()
