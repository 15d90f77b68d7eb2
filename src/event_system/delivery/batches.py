"""Batch listeners: a list of events and a transaction, committed together with the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

from event_system.delivery.lane import Lane
from event_system.delivery.ports import BATCH_LANE, BatchStore
from event_system.delivery.statistics import Observed
from event_system.delivery.subscription import Shared, Subscription
from event_system.delivery.watch import Slot
from event_system.events.event import Event
from event_system.events.registry import Registered

IDLE_ADVANCE = 10_000
"""An idle batch listener's cursor is moved on when it is this far behind the log."""


class BatchSubscription(Subscription):
    """Follows the whole log as one lane, in its order; the effect of each event counts once.

    A batch that fails is rolled back and tried again event by event, so that one bad event
    costs only itself.
    """

    def __init__(self, entry: Registered, store: BatchStore, shared: Shared) -> None:
        super().__init__(entry, {BATCH_LANE: Lane(BATCH_LANE, store.cursor)}, shared)
        self._store = store
        self._lane = self.lanes[BATCH_LANE]

    @property
    def capacity(self) -> int:
        return max(super().capacity, 8 * self.entry.listener.batch)

    def lane_of(self, event: Event) -> Lane:
        return self._lane

    async def keep_up(self) -> None:
        """Move an idle cursor on, so that a restart need not read what is none of ours."""
        routed = self._shared.routed()
        if self._lane.idle and routed - self._lane.cursor >= IDLE_ADVANCE:
            self._lane.cursor = routed
            await self._store.advance(routed)

    async def stop(self, grace_seconds: float) -> None:
        await super().stop(grace_seconds)
        if self._lane.idle:
            await self._store.advance(self._shared.routed())
        self._store.close()

    async def _handle_slice(self, lane: Lane, slot: Slot) -> None:
        events = list(islice(lane.channel, self.entry.listener.batch))
        condition = self.entry.condition
        chosen = events if condition is None else [e for e in events if condition(e)]
        started = self._shared.watch.monotonic()
        errors = 0
        if await self._attempt(chosen, events[-1].offset, slot) is not None:
            errors = await self._one_by_one(chosen, slot)
            if chosen[-1:] != events[-1:]:
                await self._store.advance(events[-1].offset)
        self._settle(lane, events)
        self._report(chosen, errors, started)

    async def _attempt(
        self, events: Sequence[Event], cursor: int, slot: Slot
    ) -> BaseException | None:
        """Handle events in one transaction. The error, if it was rolled back."""
        if not events:
            await self._store.advance(cursor)
            return None
        transaction = self._store.begin()
        timeout = self.entry.listener.timeout
        slot.deadline = self._shared.watch.monotonic() + timeout
        try:
            await self._call(list(events), transaction)
            if slot.take_expiry():
                raise TimeoutError(f"took longer than its timeout of {timeout:g} s")
            await self._store.commit(transaction, cursor)
        except asyncio.CancelledError:
            self._store.roll_back(transaction)
            if not slot.take_expiry():
                raise
            return TimeoutError(f"took longer than its timeout of {timeout:g} s")
        except Exception as error:  # noqa: BLE001 - isolation is the point
            self._store.roll_back(transaction)
            return error
        return None

    async def _one_by_one(self, events: Sequence[Event], slot: Slot) -> int:
        errors = 0
        for event in events:
            error = await self._attempt([event], event.offset, slot)
            if error is not None:
                errors += 1
                self._fail(event, error)
                await self._store.advance(event.offset)
        return errors

    def _settle(self, lane: Lane, events: Sequence[Event]) -> None:
        for event in events:
            lane.channel.popleft()
            if event.raw is not None:
                self._bytes -= len(event.raw)
        lane.cursor = events[-1].offset

    def _report(self, events: Sequence[Event], errors: int, started: float) -> None:
        if not events:
            return
        each = (self._shared.watch.monotonic() - started) / len(events)
        now_us = self._shared.now_us()
        ages = [(now_us - event.received_us) / 1e6 for event in events]
        self.statistics.count(len(events), errors)
        self._shared.observe(Observed(self.name, [each] * len(events), ages, errors))
