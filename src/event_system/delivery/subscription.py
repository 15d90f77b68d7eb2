"""An async listener at work: its lanes, its workers, and its reading from the log."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence

from event_system.delivery.attempts import Attempts
from event_system.delivery.care import WARY_EVENTS, Handling, with_care, with_suspicion
from event_system.delivery.failing import Failing
from event_system.delivery.lane import Lane, lag_of
from event_system.delivery.ports import Failure
from event_system.delivery.reading import Reading
from event_system.delivery.share import Share
from event_system.delivery.statistics import Observed, Statistics, slowest_traced
from event_system.delivery.surroundings import Shared
from event_system.delivery.watch import Slot
from event_system.delivery.workers import Workers
from event_system.events.event import Event
from event_system.events.ports import Slice
from event_system.events.registry import Registered
from event_system.kernel.clock import first_of
from event_system.kernel.patterns import AnyPattern

SLICE = 128
"""Events that a worker handles in a row before it lets others run."""

PAUSED_SECONDS = 1.0
"""How often what is due looks whether its listener is still paused."""

CHANNEL_BYTES = 16 * 1024 * 1024

_log = logging.getLogger(__name__)


class Subscription:
    """Hands events to one async listener: lane by lane in order, lanes in parallel."""

    def __init__(self, entry: Registered, lanes: dict[int, Lane], shared: Shared) -> None:
        self.entry = entry
        self.lanes = lanes
        self.statistics = Statistics()
        self.paused = False
        self._shared = shared
        self._bytes = 0
        self._workers = Workers(self, shared)
        self._reading = Reading(self, shared)
        self._attempts = Attempts(entry.listener, shared)
        self.matches = AnyPattern(entry.listener.patterns)
        self.failing = Failing(self, shared)
        self.retry_workers = min(self.most_workers, 16)
        self.retry_cells: list[int] = []
        self.replay_cells: dict[int, int] = {}

    @property
    def name(self) -> str:
        return self.entry.listener.name

    @property
    def capacity(self) -> int:
        """Events that one lane's channel holds."""
        return self._shared.settings.async_channel_size

    @property
    def hand(self) -> int:
        """Events of a lane that a handler may have in its hands at once."""
        return max(self.entry.listener.batch, 1)

    @property
    def full_lanes(self) -> int:
        return sum(1 for lane in self.lanes.values() if len(lane.channel) >= self.capacity)

    @property
    def queued(self) -> int:
        return sum(len(lane.channel) for lane in self.lanes.values())

    def lag(self) -> int:
        """Events not handled yet; for those still in the log an upper bound."""
        return lag_of(self.lanes.values(), self._shared.routed(), len(self.lanes))

    @property
    def busy(self) -> bool:
        """Whether it reads or handles, or is about to."""
        if self._workers.busy or self._reading.active:
            return True
        held = [lane for lane in self.lanes.values() if lane.held]
        return not self.paused and any(not (lane.idle or lane.due_us) for lane in held)

    @property
    def next_us(self) -> int | None:
        """When the first lane that rests goes on."""
        return first_of(lane.due_us or None for lane in self.lanes.values())

    def cursors(self) -> dict[int, int]:
        """By lane the offset up to which all effects are complete."""
        routed = self._shared.routed()
        return {number: lane.complete(routed) for number, lane in self.lanes.items()}

    # Events come in

    def lane_of(self, event: Event) -> Lane:
        return self.lanes[event.lane]

    def offer(self, events: Sequence[Event]) -> None:
        """Show newly committed events whose types match, in their order."""
        for event in events:
            lane = self.lane_of(event)
            if lane.behind or event.offset <= lane.seen:
                continue
            if self._has_room(lane):
                self._put(lane, event)
            else:
                lane.seen = event.offset - 1
                self._fall_behind(lane)

    def _has_room(self, lane: Lane) -> bool:
        if self.paused:
            return False
        size = len(lane.channel)
        return size < self.capacity and (size == 0 or self._bytes < CHANNEL_BYTES)

    def _put(self, lane: Lane, event: Event) -> None:
        lane.channel.append(event)
        lane.seen = event.offset
        if event.raw is not None:
            self._bytes += len(event.raw)
        if not lane.busy:
            self._make_ready(lane)

    def _make_ready(self, lane: Lane) -> None:
        lane.busy = True
        self._shared.changed(self.name, lane)
        self._workers.add(lane)

    def _fall_behind(self, lane: Lane) -> None:
        lane.behind = True
        self._shared.changed(self.name, lane)
        if not self.paused:
            self._shared.full()
            self._reading.go_on()

    # Lanes come and go

    def within(self, share: Share) -> list[Lane]:
        """The lanes that are in a share."""
        return [self.lanes[number] for number in sorted(share.lanes.get(self.name, ()))]

    def at_work(self) -> list[Lane]:
        """The lanes that are held, or still in a worker's hand."""
        return [lane for lane in self.lanes.values() if lane.held or lane.worker is not None]

    def beware(self, lanes: Iterable[Lane]) -> None:
        """Handle the next events of these lanes with care."""
        for lane in lanes:
            lane.wary = WARY_EVENTS

    def renew(self, number: int, cursor: int) -> None:
        """Forget what was known of a lane that is not held: it stands at this cursor now.

        It is another lane: a handler may not have ended yet that knows the one before.
        """
        before, fresh = self.lanes[number], Lane(number, cursor)
        fresh.cell = before.cell
        self.lanes[number] = fresh

    def take(self, lanes: Iterable[Lane]) -> None:
        """Have lanes from now on, and begin with what the log holds after their cursors."""
        for lane in lanes:
            lane.held = True
            lane.behind = lane.seen < self._shared.routed()
            self._shared.changed(self.name, lane)
        self._reading.go_on()

    async def release(self, lanes: Collection[Lane], grace_seconds: float) -> None:
        """Give lanes up for good. What is in hand may end within the grace, nothing else begins.

        Their cursors are exact then. What comes of a handler that does not even end when it is
        cancelled counts no more.
        """
        for lane in lanes:
            self._let_go(lane)
        await self._workers.let_go(lanes, grace_seconds)
        for lane in lanes:
            self._empty(lane)
            self._shared.changed(self.name, lane)

    def _let_go(self, lane: Lane) -> None:
        if lane.idle:
            lane.cursor = lane.seen = max(lane.cursor, self._shared.routed())
        lane.held, lane.behind = False, True
        if lane.worker is not None:
            self._forget_beyond(self.hand, lane)
        elif lane.timer is not None:
            lane.timer.cancel()
        elif lane.busy:
            self._workers.withdraw(lane)

    def _empty(self, lane: Lane) -> None:
        """Keep of a lane that is given up only its cursor."""
        self._forget_beyond(0, lane)
        lane.busy, lane.due_us, lane.timer = False, 0, None
        lane.failed.clear()

    # Reading from the log

    def readable(self) -> list[Lane]:
        """Lanes that are behind and have room for more."""
        half, roomy = self.capacity // 2, self._bytes <= CHANNEL_BYTES // 2
        return [
            lane
            for lane in self.lanes.values()
            if lane.behind
            and lane.held
            and not lane.due_us
            and (not lane.channel or (roomy and len(lane.channel) <= half))
        ]

    def take_read(self, page: Slice, group: dict[int, Lane]) -> None:
        """Put read events into their channels; a lane that is full leaves the group."""
        for event in page.events:
            lane = group.get(self.lane_of(event).number)
            if lane is None or event.offset <= lane.seen:
                continue
            if self._has_room(lane):
                self._put(lane, event)
            else:
                del group[lane.number]

    # Handling

    @property
    def most_workers(self) -> int:
        return self.entry.listener.workers or self._shared.settings.async_workers

    def put_down(self, lane: Lane) -> bool:
        """A worker has handled a slice; whether there is more to do at once."""
        self._shared.cells[lane.cell] = 0
        lane.busy = bool(lane.channel)
        if not lane.held:
            return False
        if lane.due_us:
            self._wait(lane)
        self._shared.changed(self.name, lane)
        if lane.behind:
            self._reading.go_on()
        return lane.busy and not lane.due_us

    async def handle_slice(self, lane: Lane, slot: Slot) -> None:
        """Handle the next events of a lane, one after the other, each isolated and timed."""
        durations: list[float] = []
        ages: list[float] = []
        traces: list[str | None] = []
        errors = 0
        monotonic = self._shared.watch.monotonic
        started = monotonic()
        wall_us = self._shared.now_us() - started * 1e6
        channel, condition, failed = lane.channel, self.entry.condition, lane.failed
        cells, cell = self._shared.cells, lane.cell
        handle = self._handling(lane)
        left = SLICE
        while left and channel:
            left -= 1
            event = channel[0]
            cells[cell] = event.offset
            if failed and self.failing.rests(lane, event):
                pass
            elif condition is None or condition(event):
                error = await handle(event, slot, started)
                if not channel:
                    break  # nobody waited for it any more
                finished = monotonic()
                durations.append(finished - started)
                ages.append((wall_us + finished * 1e6 - event.received_us) / 1e6)
                traces.append(event.traceparent)
                started = finished
                if error is not None:
                    errors += 1
                if error is not None or failed:
                    self._note(lane, event, error)
            elif failed:
                self._note(lane, event, None)
            if lane.due_us:
                break
            channel.popleft()
            if event.raw is not None:
                self._bytes -= len(event.raw)
            lane.cursor = event.offset
        self.statistics.count(len(durations), errors)
        self._shared.observe(
            Observed(self.name, durations, ages, errors, slowest_traced(durations, traces))
        )

    def _handling(self, lane: Lane) -> Handling:
        handle: Handling = self._attempts.make
        if lane.wary:
            handle = with_care(handle, lane, self._shared)
        return with_suspicion(handle, lane, self._shared) if lane.failed else handle

    # Failures

    def _note(self, lane: Lane, event: Event, error: BaseException | None) -> None:
        """Keep what came of an event that has failed, now or before."""
        if event.offset in lane.failed:
            self.statistics.retries += 1
        if error is not None:
            self._shared.record(self.failing.outcome(lane, event, error))
            self._shared.changed(self.name, lane)  # so that the cursor is saved with it
        elif lane.failed.pop(event.offset, None) is not None:
            self._shared.recovered(self.name, event.offset)

    def _wait(self, lane: Lane) -> None:
        """Let a lane rest until its first event is due, holding nothing else meanwhile."""
        self._forget_beyond(1, lane)
        lane.timer = self._shared.call_later(self.failing.pause(lane), self._go_on, lane)

    def _go_on(self, lane: Lane) -> None:
        """The lane's first event is due."""
        if self.paused:
            lane.timer = self._shared.call_later(PAUSED_SECONDS, self._go_on, lane)
            return
        self.failing.take_up(lane)
        self._workers.add(lane)

    async def retry(self, event: Event, attempts: int, slot: Slot) -> Failure | None:
        """Handle a parked event once more, after `attempts` attempts; what a failure comes to."""
        started = (monotonic := self._shared.watch.monotonic)()
        error = await self._attempts.make(event, slot, started)
        failed = int(error is not None)
        self.statistics.count(1, failed)
        self.statistics.retries += 1
        self._shared.observe(Observed(self.name, [monotonic() - started], [], failed))
        return None if error is None else self.failing.fail(event, error, attempts, parked=True)

    # Operation

    def reconfigure(self, entry: Registered) -> None:
        """Take over new settings of the same listener."""
        self.entry = entry

    def pause(self) -> None:
        """Take no more events, now shown or not; what is in the channels is still handled."""
        if self.paused:
            return
        self.paused = True
        routed = self._shared.routed()
        for lane in self.lanes.values():
            if lane.idle:
                lane.cursor = max(lane.cursor, routed)
            if not lane.behind:
                lane.seen = max(lane.seen, routed)
                lane.behind = True
                self._shared.changed(self.name, lane)

    def resume(self) -> None:
        self.paused = False
        self._reading.go_on()

    def forget_ahead(self) -> None:
        """Keep of what was read only what may be in a handler's hands; the rest is read again."""
        for lane in self.lanes.values():
            if len(lane.channel) > self.hand:
                self._forget_beyond(self.hand, lane)

    def _forget_beyond(self, number: int, lane: Lane) -> None:
        for event in lane.cut(number):
            self._bytes -= len(event.raw) if event.raw is not None else 0

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in the channels, for as long as that is granted."""
        self.paused = True
        for lane in self.lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
        self._reading.stop()
        await self._workers.stop(grace_seconds)
        self.close()

    def close(self) -> None:
        """End the handler's idle threads."""
        self._attempts.close()
