"""Batch listeners: a list of events and a transaction, committed together with the cursor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import islice

from event_system.delivery.care import in_turn, show
from event_system.delivery.lane import Lane
from event_system.delivery.ports import BATCH_LANE, BatchStore, CursorStore, Failure, RetryStore
from event_system.delivery.share import Share
from event_system.delivery.statistics import Observed
from event_system.delivery.subscription import Subscription
from event_system.delivery.surroundings import Shared
from event_system.delivery.verdicts import is_suspect
from event_system.delivery.watch import Slot
from event_system.events.event import Event, bytes_of
from event_system.events.ports import Slice
from event_system.events.registry import Registered
from event_system.kernel.errors import LeaseLostError

IDLE_ADVANCE = 10_000
"""An idle batch listener's cursor is moved on when it is this far behind the log."""
LOST_ATTEMPTS = 3
LOST_PAUSE_SECONDS = 0.2
_log = logging.getLogger(__name__)


class BatchSubscription(Subscription):
    """Follows the whole log as one lane, in its order; the effect of each event counts once.

    A batch that fails is rolled back and tried again event by event, so that one bad event
    costs only itself. Failed events are kept in the listener's own tables, in the transactions
    that move the cursor.
    """

    def __init__(self, entry: Registered, store: BatchStore, shared: Shared) -> None:
        super().__init__(entry, {BATCH_LANE: Lane(BATCH_LANE, store.cursor)}, shared)
        self.store = store
        self._lane = self.lanes[BATCH_LANE]
        self.careful = 0
        """Events up to this offset are handled one by one: one of them ended the process."""

    @property
    def capacity(self) -> int:
        return max(super().capacity, 8 * self.entry.listener.batch)

    def lane_of(self, event: Event) -> Lane:
        return self._lane

    def within(self, share: Share) -> list[Lane]:
        return [self._lane] if self.name in share.listeners else []

    def beware(self, lanes: Iterable[Lane]) -> None:
        """As `Subscription.beware`: the cursor is exact, so it was one of the next batch."""
        for lane in lanes:
            lane.wary = self.hand

    def renew(self, number: int, cursor: int) -> None:
        super().renew(number, cursor)
        self._lane = self.lanes[BATCH_LANE]

    async def save(self) -> None:
        """Save the cursor where it has moved without an effect."""
        if self._lane.cursor > self.store.cursor:
            await self.store.advance(self._lane.cursor)

    # As in `Subscription`, but for many events at once: there is only one lane.

    def offer(self, events: Sequence[Event]) -> None:
        lane = self._lane
        if lane.behind or events[-1].offset <= lane.seen:
            return
        if (taken := self._put_all(events, bytes_of(events))) < len(events):
            lane.seen = events[taken].offset - 1
            self._fall_behind(lane)

    def take_read(self, page: Slice, group: dict[int, Lane]) -> None:
        unseen: Sequence[Event] = page.events
        if unseen and unseen[0].offset <= self._lane.seen:
            unseen = [event for event in unseen if event.offset > self._lane.seen]
        if self._put_all(unseen, page.size) < len(unseen):
            group.clear()

    def _put_all(self, events: Sequence[Event], size: int) -> int:
        """How many of the events, which have so many bytes or fewer, there was room for."""
        lane = self._lane
        room = self.capacity - len(lane.channel)
        if not events or room <= 0 or not self._has_room(lane):
            return 0
        taken = events[:room]
        lane.channel.extend(taken)
        lane.seen = taken[-1].offset
        self._bytes += size if len(taken) == len(events) else bytes_of(taken)
        if not lane.busy:
            self._make_ready(lane)
        return len(taken)

    async def keep_up(self) -> None:
        """Move an idle cursor on, so that a restart need not read what is none of ours."""
        routed = self._shared.routed()
        if self._lane.idle and routed - self._lane.cursor >= IDLE_ADVANCE:
            self._lane.cursor = routed
            await self.store.advance(routed)

    async def stop(self, grace_seconds: float) -> None:
        await super().stop(grace_seconds)
        if self._lane.idle:
            await self.store.advance(self._shared.routed())
        self.store.close()

    async def handle_slice(self, lane: Lane, slot: Slot) -> None:
        events = list(islice(lane.channel, self.entry.listener.batch))
        if lane.failed or lane.wary or self.careful >= events[0].offset:
            await self._one_by_one(lane, len(events), slot)
            return
        condition = self.entry.condition
        chosen = events if condition is None else [e for e in events if condition(e)]
        started = self._shared.watch.monotonic()
        if await self._attempt(chosen, slot, events[-1].offset) is None:
            self._settle(lane, events)
            self._report(chosen, 0, started)
        else:
            await self._one_by_one(lane, len(events), slot)

    async def _attempt(
        self, events: Sequence[Event], slot: Slot, cursor: int, done: int | None = None
    ) -> BaseException | None:
        """Handle events in one transaction. The error, if it was rolled back.

        Where the connection to the tables is lost the events are handled again, as if nothing
        had been; unless that happens again and again: then they have a part in it.
        """
        if not events:
            await self.store.advance(cursor)
            return None
        for _ in range(LOST_ATTEMPTS - 1):
            error, lost = await self._try(events, slot, cursor, done)
            if not lost:
                return error
            _log.warning("a batch of %s lost its connection: %s", self.name, error)
            await asyncio.sleep(LOST_PAUSE_SECONDS)
        error, _ = await self._try(events, slot, cursor, done)
        return error

    async def _try(
        self, events: Sequence[Event], slot: Slot, cursor: int, done: int | None
    ) -> tuple[BaseException | None, bool]:
        """The error, if it was rolled back, and whether the connection was lost."""
        transaction = await self.store.begin()
        cells, cell = self._shared.cells, self._lane.cell
        cells[cell + 1], cells[cell] = events[-1].offset, events[0].offset
        timeout = self.entry.listener.timeout
        slot.deadline = self._shared.watch.monotonic() + timeout
        try:
            await self._attempts.call(list(events), transaction)
            if slot.take_expiry():
                raise TimeoutError(f"took longer than its timeout of {timeout:g} s")
            await self.store.commit(transaction, cursor, done)
        except asyncio.CancelledError as error:
            lost = self.store.roll_back(transaction)
            if slot.take_expiry():
                return TimeoutError(f"took longer than its timeout of {timeout:g} s"), lost
            if slot.task.cancelling():
                raise
            return error, lost  # the handler's own doing
        except LeaseLostError:  # another has the listener, and handles these events
            self.store.roll_back(transaction)
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - isolation is the point
            slot.take_expiry()
            return error, self.store.roll_back(transaction)
        finally:
            cells[cell] = 0
        return None, False

    async def _one_by_one(self, lane: Lane, count: int, slot: Slot) -> None:
        """Handle the lane's next events each in a transaction of its own."""
        started = self._shared.watch.monotonic()
        handled, errors = [], 0
        for _ in range(count):
            event = lane.channel[0]
            if lane.failed and self.failing.rests(lane, event):
                pass
            elif self.entry.condition is None or self.entry.condition(event):
                handled.append(event)
                errors += await self._alone(lane, event, slot)
            if lane.due_us:
                break
            self._settle(lane, [event])
        await self.store.advance(lane.cursor)
        self._report(handled, errors, started)

    async def _alone(self, lane: Lane, event: Event, slot: Slot) -> bool:
        """Handle one event that is the lane's first; whether it failed."""
        before = lane.failed.get(event.offset)
        self.statistics.retries += before is not None
        done = None if before is None else event.offset
        async with AsyncExitStack() as turn:
            if event.offset <= self.careful or is_suspect(before):
                await turn.enter_async_context(in_turn(lane.cell, slot, self._shared))
            if lane.wary:
                await show(event, lane, slot, self._shared)
            error = await self._attempt([event], slot, event.offset, done)
        if error is None:
            lane.failed.pop(event.offset, None)
            return False
        failure = self.failing.outcome(lane, event, error)
        await self.store.advance(lane.cursor if lane.due_us else event.offset, failure)
        self._shared.parked(failure)
        return True

    async def retry(self, event: Event, attempts: int, slot: Slot) -> Failure | None:
        """As `Subscription.retry`; success has removed the failure, with the effect."""
        started = self._shared.watch.monotonic()
        error = await self._attempt([event], slot, self.store.cursor, done=event.offset)
        self.statistics.retries += 1
        self._report([event], int(error is not None), started)
        return None if error is None else self.failing.fail(event, error, attempts, parked=True)

    def _settle(self, lane: Lane, events: Sequence[Event]) -> None:
        """Take what is complete out of the channel; its bytes are told roughly, and 0 at the end."""
        channel, count = lane.channel, len(events)
        if not channel:
            return  # nobody waited for it any more
        self._bytes -= self._bytes * count // len(channel)
        if count == len(channel):
            channel.clear()
        else:
            for _ in events:
                channel.popleft()
        lane.cursor = events[-1].offset

    def _report(self, events: Sequence[Event], errors: int, started: float) -> None:
        if not events:
            return
        each = (self._shared.watch.monotonic() - started) / len(events)
        self.statistics.count(len(events), errors)
        ages = self._ages(events)
        self._shared.observe(Observed(self.name, [each] * len(events), ages, errors))

    def _ages(self, events: Sequence[Event]) -> list[float]:
        now_us = self._shared.now_us()
        return [(now_us - event.received_us) / 1e6 for event in events]


def retries_of(subscription: Subscription, store: CursorStore) -> RetryStore:
    """Where failures of a listener are kept."""
    if isinstance(subscription, BatchSubscription):
        return subscription.store.retries
    return store.retries
