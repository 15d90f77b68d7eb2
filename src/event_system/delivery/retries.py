"""Parked deliveries are tried again when they are due: one pump for each listener.

A pump knows when the next delivery of its listener is due, and sleeps until then. It looks at a
bounded slice of what is due, never at the rest, so a million parked deliveries cost no more than
ten. Nothing is marked as being handled: what a crash interrupts is still parked and due, and the
board tells which one has had an attempt.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from event_system.delivery.care import in_turn
from event_system.delivery.ports import DEAD, RETRYING, Failure, Parked, RetryStore
from event_system.delivery.surroundings import Shared
from event_system.delivery.watch import Slot
from event_system.events.event import Event
from event_system.kernel.clock import Timer, first_of

SLICE = 256
"""Deliveries that a pump takes in hand at once."""
WARY_RETRIES = 1000
"""Deliveries of a forsaken listener that are tried again with care; see `Lane.wary`."""
SAVE_SECONDS = 0.025
"""How often their outcomes are saved."""
LONGEST_WAIT_SECONDS = 60.0
"""What is due is a time of day, and clocks are set: it is looked at this often at least."""
SET_BACK_US = 1_000_000
"""A clock that is set back by less than this makes nobody wait for long."""
REWIND_STEP = 2_000
AGAIN_SECONDS = 1.0
"""When a pump looks again that cannot work now: its listener is paused, or its store broken."""

_log = logging.getLogger(__name__)


class Retrier(Protocol):
    """A listener, as retries see it."""

    @property
    def name(self) -> str: ...
    @property
    def paused(self) -> bool: ...
    @property
    def retry_cells(self) -> Sequence[int]:
        """Places on the board, one for each retry that may run at the same time."""

    async def retry(self, event: Event, attempts: int, slot: Slot) -> Failure | None:
        """Handle an event once more, after `attempts` attempts; what a failure comes to."""


class RetryPump:
    """Tries the parked deliveries of one listener again, the first `wary` ones with care."""

    def __init__(self, retrier: Retrier, store: RetryStore, shared: Shared, wary: int) -> None:
        self._wary = wary
        self._retrier = retrier
        self._store = store
        self._shared = shared
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._due_us: int | None = None
        self._closing = False
        self._failures: list[Failure] = []  # outcomes that are not saved yet
        self._done: list[tuple[str, int]] = []
        self._saved = 0.0

    @property
    def busy(self) -> bool:
        """Whether deliveries are being tried again."""
        return self._task is not None

    @property
    def next_us(self) -> int | None:
        """When the pump looks for what is due next."""
        return self._due_us

    def wake(self, due_us: int) -> None:
        """Something is due then, perhaps earlier than all else."""
        if self._closing or (self._due_us is not None and self._due_us <= due_us):
            return
        self._due_us = due_us
        if self._task is None:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due_us is not None:
            left = (self._due_us - self._shared.now_us()) / 1e6
            delay = min(max(left, 0.0), LONGEST_WAIT_SECONDS)
            self._timer = self._shared.call_later(delay, self._begin)

    def _begin(self) -> None:
        self._timer, self._due_us = None, None
        name = f"retries of {self._retrier.name}"
        self._task = self._shared.loop.create_task(self._run(), name=name)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if self._closing or task.cancelled():
            return
        if error := task.exception():
            _log.error("retries of %s failed: %s", self._retrier.name, error, exc_info=error)
            self._look_again_soon()
        self._arm()

    def _look_again_soon(self) -> None:
        self.wake(self._shared.now_us() + int(AGAIN_SECONDS * 1e6))

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is being handled, for as long as that is granted; save all outcomes."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=grace_seconds)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1.0)
        await self._save()

    async def abandon(self) -> None:
        """End at once, and forget what is not saved."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1.0)
        self._failures, self._done = [], []

    async def _run(self) -> None:
        while not self._closing:
            if self._retrier.paused or not await self._save():
                self._look_again_soon()
                return
            now_us = self._shared.now_us()
            if now_us < self._store.latest_us - SET_BACK_US:
                await self._rewind(now_us)
            due = await self._store.due(self._retrier.name, now_us, SLICE)
            if not due.rows:
                if due.next_us is not None:
                    self.wake(due.next_us)
                return
            await self._handle(due.rows)

    async def _rewind(self, now_us: int) -> None:
        """The clock was set back: let nothing wait longer than it would have from now on."""
        step = await self._store.rewind(now_us, REWIND_STEP, None)
        while step.next is not None:
            step = await self._store.rewind(now_us, REWIND_STEP, step.next)

    async def _handle(self, rows: Sequence[Parked]) -> None:
        events = {e.offset: e for e in await self._shared.log.pick([r.offset for r in rows])}
        if not events:
            self._failures.extend(self._gone(row) for row in rows)
            return
        queue = deque((events[row.offset], row) for row in rows if row.offset in events)
        cells = self._retrier.retry_cells[: len(queue)]
        wary = self._wary > 0
        self._wary = max(0, self._wary - len(queue))
        await asyncio.gather(*(self._work(queue, cell, wary=wary) for cell in cells))

    async def _work(self, queue: deque[tuple[Event, Parked]], cell: int, *, wary: bool) -> None:
        """Handle events of the queue, beside others that do."""
        cells, retrier, board = self._shared.cells, self._retrier, self._shared.board
        task = asyncio.current_task()
        assert task is not None
        with self._shared.watch.slot() as slot:
            while queue and not (self._closing or retrier.paused):
                event, parked = queue.popleft()
                async with AsyncExitStack() as turn:
                    if parked.suspect:
                        await turn.enter_async_context(in_turn(cell, slot, self._shared))
                    if wary:
                        await board.show(cell, event.offset)
                    cells[cell + 1], cells[cell] = event.offset, event.offset
                    try:
                        failure = await retrier.retry(event, parked.attempts, slot)
                    finally:
                        cells[cell] = 0
                    if failure is None:
                        self._done.append((retrier.name, event.offset))
                    else:
                        self._failures.append(failure)
                    if wary or self._shared.watch.monotonic() - self._saved > SAVE_SECONDS:
                        await self._save()  # before the next suspect: that one may end the process
                await asyncio.sleep(0)
            if wary:
                await board.show(cell, 0)

    def _gone(self, row: Parked) -> Failure:
        now_us = self._shared.now_us()
        return Failure(
            listener=self._retrier.name,
            offset=row.offset,
            lane=0,
            type="",
            state=DEAD,
            attempts=row.attempts,
            at_us=now_us,
            error="the event is no longer in the log",
            traceback="",
            first_us=now_us,
            last_us=now_us,
        )

    async def _save(self) -> bool:
        """Save the outcomes so far; whether that went well."""
        failures, self._failures = self._failures, []
        done, self._done = self._done, []
        self._saved = self._shared.watch.monotonic()
        if not (failures or done):
            return True
        try:
            await self._store.settle(failures, done)
        except Exception as error:  # noqa: BLE001 - the next round tries again
            _log.error("retries of %s could not be saved: %s", self._retrier.name, error)
            self._failures[:0], self._done[:0] = failures, done
            return False
        return True


class Retries:
    """The pumps of all listeners."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._pumps: dict[str, RetryPump] = {}

    def start(
        self, retriers: Iterable[tuple[Retrier, RetryStore]], forsaken: Collection[str]
    ) -> None:
        """Take up what is parked for these listeners; with care where they are forsaken."""
        for retrier, store in retriers:
            wary = WARY_RETRIES if retrier.name in forsaken else 0
            self._pumps[retrier.name] = RetryPump(retrier, store, self._shared, wary)
            self._pumps[retrier.name].wake(0)

    def wake(self, listener: str | None, due_us: int) -> None:
        """Something of this listener, or of any, is due then."""
        for name in self._pumps if listener is None else [listener]:
            if name in self._pumps:
                self._pumps[name].wake(due_us)

    @property
    def busy(self) -> bool:
        """Whether one of the pumps is."""
        return any(pump.busy for pump in self._pumps.values())

    @property
    def next_us(self) -> int | None:
        """When the first pump looks."""
        return first_of(pump.next_us for pump in self._pumps.values())

    def saved(self, failures: Sequence[Failure]) -> None:
        """These failures are parked from now on."""
        for failure in failures:
            if failure.state == RETRYING:
                self.wake(failure.listener, failure.at_us)

    async def stop(self, listeners: Collection[str], grace_seconds: float) -> None:
        """Try nothing more of these listeners; what is in hand may end within the grace."""
        mine = [name for name in listeners if name in self._pumps]
        stops = [self._pumps[name].stop(grace_seconds) for name in mine]
        for result in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("retries did not stop cleanly: %s", result)
        for name in mine:
            del self._pumps[name]

    async def abandon(self) -> None:
        """Try nothing more, at once; what is not saved is forgotten."""
        pumps, self._pumps = self._pumps, {}
        await asyncio.gather(*(pump.abandon() for pump in pumps.values()))
