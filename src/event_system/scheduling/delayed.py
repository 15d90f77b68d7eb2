"""Delayed events: accepted and durable at once, in the log when their time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from event_system.events.codec import DELIVER_AT, CloudEventDraft, Draft
from event_system.events.event import Row
from event_system.events.idempotency import check_same
from event_system.events.manager import EventManager
from event_system.events.ports import Receipt
from event_system.kernel.clock import CallLater, to_datetime, to_us
from event_system.kernel.errors import InvalidEventError
from event_system.kernel.tasks import settle
from event_system.scheduling.aftermath import Aftermath
from event_system.scheduling.ports import (
    DelayedStore,
    Done,
    Fired,
    Held,
    Standing,
    Waiting,
    WaitingFilter,
    WaitingPage,
)
from event_system.scheduling.pump import Pump

MAX_DELAY: Final = timedelta(days=366)

SECOND_US: Final = 1_000_000

T = TypeVar("T")
_TIME = 9  # the column `time_us` of `events.event.Row`


class DelayedEvents:
    """Accepts events with a `deliver_at`, fires them, cancels and finds them.

    `waiting` of them wait; `fired` went into the log since the start. `observe` is given how
    late each one was, in seconds.
    """

    def __init__(
        self,
        store: DelayedStore,
        manager: EventManager,
        *,
        now_us: Callable[[], int],
        loop: asyncio.AbstractEventLoop,
        call_later: CallLater,
        observe: Callable[[Sequence[float]], None],
    ) -> None:
        self.waiting = store.waiting
        self.next_us = store.next_us
        self._store = store
        self._manager = manager
        self._now_us = now_us
        self._observe = observe
        self._pump = Pump(self, now_us, call_later)
        self._aftermath = Aftermath(manager, loop)

    def start(self) -> None:
        self._pump.start()

    def stop(self) -> None:
        """Fire nothing more; `drain` waits for what was fired."""
        self._pump.stop()

    def take_over(self, waiting: int, next_us: int | None) -> None:
        """Go on with what waits now: other nodes may have changed it."""
        self.waiting, self.next_us = waiting, next_us
        self._pump.look()

    @property
    def busy(self) -> bool:
        """Whether something is being fired, or sync listeners of what was fired run."""
        return self._pump.busy or self._aftermath.busy

    async def drain(self) -> None:
        """Wait for the sync listeners of fired events."""
        await self._aftermath.drain()

    # In

    def held(self, draft: Draft, row: Row) -> Held:
        """The admitted row with the time of its draft.

        An event that does not say when it happened happens when it is due. Raises
        `InvalidEventError` for a time that is too far away.
        """
        if draft.deliver_at is None:
            return Held(row, 0)
        due, now = to_us(draft.deliver_at), self._now_us()
        if due <= now:
            return Held(row, 0)
        if due - now > MAX_DELAY // timedelta(microseconds=1):
            name = DELIVER_AT if isinstance(draft, CloudEventDraft) else "deliver_at"
            detail = f"an event waits {MAX_DELAY.days} days at most"
            raise InvalidEventError(detail, where=f"$.{name}")
        if draft.time is None:
            row = (*row[:_TIME], due, *row[_TIME + 1 :])  # type: ignore[assignment]  # one column
        return Held(row, due)

    def accept(self, held: Sequence[Held], done: Done[list[Standing]]) -> None:
        """Store events for now and for later in one transaction; as `DelayedStore.accept`."""

        def accepted(outcome: list[Standing] | Exception) -> None:
            if not isinstance(outcome, Exception):
                self._count_in(outcome)
            done(outcome)

        self._store.accept(held, accepted)

    def _count_in(self, standings: Sequence[Standing]) -> None:
        due = [each.due_us for each in standings if each.due_us and not each.duplicate]
        if due:
            self.waiting += len(due)
            first = min(due)
            if self.next_us is None or first < self.next_us:
                self.next_us = first
                self._pump.look()

    async def trigger(self, held: Sequence[Held]) -> list[Receipt]:
        """Accept events, run the sync listeners of those that are stored, tell where all are."""
        standings: list[Standing] = await answer_of(partial(self.accept, held))
        return [
            await self._receipt(each.row, standing)
            for each, standing in zip(held, standings, strict=True)
        ]

    async def _receipt(self, row: Row, standing: Standing) -> Receipt:
        if standing.due_us:
            due = to_datetime(standing.due_us)
            return Receipt(row[7], 0, duplicate=standing.duplicate, deliver_at=due)
        if standing.duplicate:
            return Receipt(row[7], standing.offset, duplicate=True)
        results = await self._manager.run_sync(row, standing.offset)
        return Receipt(row[7], standing.offset, results=results)

    async def check_same(self, row: Row) -> None:
        """Raise `IdempotencyConflictError` where another event waits under the row's id."""
        if (waiting := await self._store.get(row[7], row[6])) is not None:
            check_same(row, [waiting.event], 0)

    # Out

    def fire(self, now_us: int, done: Callable[[Exception | None], None]) -> None:
        """Move a slice of what is due into the log, and run its sync listeners."""

        def fired(outcome: Fired | Exception) -> None:
            if isinstance(outcome, Exception):
                done(outcome)
                return
            self._count_out(outcome)
            self._aftermath.when_calm(lambda: done(None))

        self._store.fire(now_us, self._manager.stamp(), fired)

    def _count_out(self, fired: Fired) -> None:
        now = self._now_us()
        self.waiting -= len(fired.events)
        self.next_us = fired.next_us
        self._observe([max(0, now - each.due_us) / SECOND_US for each in fired.events])
        for row, offset, _ in fired.events:
            self._aftermath.run(row, offset)

    # Looking, cancelling

    async def cancel(self, id_: str, source: str | None = None) -> Waiting:
        """Take back an event that waits; as `DelayedStore.cancel`."""
        waiting: Waiting = await answer_of(partial(self._store.cancel, id_, source))
        self.waiting -= 1
        return waiting

    async def find(
        self, query: WaitingFilter, *, limit: int, after: tuple[int, int] | None
    ) -> WaitingPage:
        return await self._store.find(query, limit=limit, after=after)


async def answer_of(ask: Callable[[Done[T]], None]) -> T:
    """What a store tells `done`, for a caller that waits; its errors are raised."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    ask(lambda outcome: settle(future, outcome))
    return await future
