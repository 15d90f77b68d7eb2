"""Buffered events: gathered into batches, one lane's after the other, in bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias
from zlib import crc32

from event_system.client.answers import BatchReceipt, Receipt, error_for
from event_system.client.drafts import Draft
from event_system.client.options import ClientOptions
from event_system.kernel.errors import (
    BatchTooLargeError,
    BodyTooLargeError,
    ClientClosedError,
    UndeliveredError,
)

Post: TypeAlias = Callable[[Sequence[Draft]], Awaitable[BatchReceipt]]
"""Sends a batch, storing what is valid of it; raises `EventSystemError` where none was stored."""


class Waiting:
    """A buffered event and who waits for its receipt."""

    __slots__ = ("draft", "receipt")

    def __init__(self, draft: Draft, receipt: asyncio.Future[Receipt]) -> None:
        self.draft = draft
        self.receipt = receipt

    def settle(self, outcome: Receipt | Exception) -> None:
        """Tell who waits; nobody does where the future was cancelled."""
        if self.receipt.done():
            return
        if isinstance(outcome, Receipt):
            self.receipt.set_result(outcome)
        else:
            self.receipt.set_exception(outcome)


class Lane:
    """The events of some subjects in their order; `sent` and `settled` count them."""

    def __init__(self) -> None:
        self.queue: deque[Waiting] = deque()
        self.bytes = 0
        self.sent = 0
        self.settled = 0
        self.filled = asyncio.Event()
        self.ready = asyncio.Event()

    def put(self, waiting: Waiting) -> None:
        self.queue.append(waiting)
        self.bytes += len(waiting.draft.body)
        self.sent += 1
        self.filled.set()

    def first(self, events: int, size: int) -> list[Waiting]:
        """The next batch; it stays in the queue until `drop`, so that nothing is ever lost."""
        batch: list[Waiting] = []
        for waiting in self.queue:
            size -= len(waiting.draft.body)
            if batch and (size < 0 or len(batch) == events):
                break
            batch.append(waiting)
        return batch

    def drop(self, count: int) -> int:
        """Forget the first events, which are settled; their bytes."""
        size = sum(len(self.queue.popleft().draft.body) for _ in range(count))
        self.bytes -= size
        self.settled += count
        if not self.queue:
            self.filled.clear()
        return size


class Outbox:
    """Sends what is put into it. Events of one subject keep their order.

    One task a lane, made when the lane is first used, has one batch under way at a time. An
    event takes room until its batch is answered; without room `put` waits.
    """

    def __init__(self, post: Post, options: ClientOptions) -> None:
        self._post = post
        self._options = options
        self._lanes = [Lane() for _ in range(options.max_in_flight)]
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._events = 0
        self._bytes = 0
        self._turn = asyncio.Lock()
        self._changed = asyncio.Condition()
        self._hurry = 0
        self._closed = False

    async def put(self, draft: Draft) -> asyncio.Future[Receipt]:
        """Buffer an event; the future of its receipt. Whoever comes first is let in first."""
        async with self._turn:
            if not self._has_room(len(draft.body)):
                async with self._changed:
                    await self._changed.wait_for(lambda: self._has_room(len(draft.body)))
            if self._closed:
                raise ClientClosedError
            return self._take(draft)

    def _has_room(self, size: int) -> bool:
        """Whether an event need not wait; at the end it need not, for it is refused."""
        if self._closed:
            return True
        options = self._options
        fits = self._bytes + size <= options.buffered_bytes or not self._events
        return fits and self._events < options.buffered_events

    def _take(self, draft: Draft) -> asyncio.Future[Receipt]:
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        number = crc32((draft.subject or draft.id).encode()) % len(self._lanes)
        lane = self._lanes[number]
        lane.put(Waiting(draft, receipt))
        self._events += 1
        self._bytes += len(draft.body)
        if self._is_full(lane):
            lane.ready.set()
        if number not in self._tasks:
            self._tasks[number] = asyncio.create_task(self._run(lane))
        return receipt

    def _is_full(self, lane: Lane) -> bool:
        """Whether there is nothing to wait for: a batch is full, or somebody waits."""
        options = self._options
        return (
            len(lane.queue) >= options.batch_events
            or lane.bytes >= options.batch_bytes
            or self._hurry > 0
            or not self._has_room(1)
        )

    async def _run(self, lane: Lane) -> None:
        while True:
            if not lane.queue:
                await lane.filled.wait()
                await self._linger(lane)
            await self._deliver(lane)

    async def _linger(self, lane: Lane) -> None:
        """Give the first event of a batch the time for others to join it."""
        if self._is_full(lane):
            return
        lane.ready.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.linger):
                await lane.ready.wait()

    async def _deliver(self, lane: Lane) -> None:
        """Send the lane's next batch; a smaller one where the node takes no such large ones."""
        batch = lane.first(self._options.batch_events, self._options.batch_bytes)
        while True:
            try:
                receipt = await self._post([waiting.draft for waiting in batch])
            except (BatchTooLargeError, BodyTooLargeError) as error:
                if len(batch) > 1:
                    batch = batch[: len(batch) // 2]
                    continue
                outcomes: list[Receipt | Exception] = [error]
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits must be told
                outcomes = [error] * len(batch)
            else:
                outcomes = _outcomes(receipt)
            break
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.settle(outcome)
        await self._drop(lane, len(batch))

    async def _drop(self, lane: Lane, count: int) -> None:
        self._bytes -= lane.drop(count)
        self._events -= count
        async with self._changed:
            self._changed.notify_all()

    async def flush(self) -> None:
        """Wait until everything that was put before now is settled."""
        goals = [(lane, lane.sent) for lane in self._lanes]
        self._hurry += 1
        try:
            for lane in self._lanes:
                lane.ready.set()
            async with self._changed:
                await self._changed.wait_for(
                    lambda: all(lane.settled >= goal for lane, goal in goals)
                )
        finally:
            self._hurry -= 1

    async def close(self, seconds: float) -> None:
        """Send what waits, for so long at most.

        Raises `UndeliveredError`, with the events that had no answer by then.
        """
        self._closed = True
        async with self._changed:
            self._changed.notify_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.flush()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        left = [waiting for lane in self._lanes for waiting in lane.queue]
        if left:
            raise _undelivered(left)


def _outcomes(receipt: BatchReceipt) -> list[Receipt | Exception]:
    """One for each event of the batch, in its order."""
    faults = {fault.index: fault for fault in receipt.faults}
    stored = iter(receipt.events)
    return [
        error_for(fault.code, fault.detail, fault.where) if fault else next(stored)
        for fault in (faults.get(i) for i in range(len(receipt.events) + len(faults)))
    ]


def _undelivered(left: Sequence[Waiting]) -> UndeliveredError:
    """The error for what is left; those who wait are told as well."""
    lines = tuple(waiting.draft.body for waiting in left)
    error = UndeliveredError(f"{len(left)} events, the first is {left[0].draft.id}", events=lines)
    for waiting in left:
        waiting.settle(error)
        if not waiting.receipt.cancelled():
            waiting.receipt.exception()  # it is told here: no warning that nobody asked for it
    return error
