"""An async listener at work: its lanes, its workers, and its reading from the log."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from event_system.delivery.calls import prepare
from event_system.delivery.failing import Failing
from event_system.delivery.lane import Lane
from event_system.delivery.matching import chosen
from event_system.delivery.ports import Failure
from event_system.delivery.statistics import Observed, Statistics
from event_system.delivery.surroundings import Shared
from event_system.delivery.watch import Slot
from event_system.events.event import Event
from event_system.events.registry import Registered
from event_system.kernel.clock import first_of
from event_system.kernel.errors import StorageError
from event_system.kernel.patterns import AnyPattern

SLICE = 128
"""Events that a worker handles in a row before it lets others run."""

PAUSED_SECONDS = 1.0
"""How often what is due looks whether its listener is still paused."""

CHANNEL_BYTES = 16 * 1024 * 1024
PAGE = 1000
AGAIN_SECONDS = 1.0
"""How long nobody reads the log, or works, for a listener where that has failed: it may be away."""

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
        self._ready: deque[Lane] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._hiring: asyncio.TimerHandle | None = None
        self._leader = 0
        self._call, self._threads = prepare(entry.listener, shared.loop)
        self.matches = AnyPattern(entry.listener.patterns)
        self.failing = Failing(self, shared)
        self.retry_workers = min(entry.listener.workers or shared.settings.async_workers, 16)
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
    def full_lanes(self) -> int:
        return sum(1 for lane in self.lanes.values() if len(lane.channel) >= self.capacity)

    @property
    def queued(self) -> int:
        return sum(len(lane.channel) for lane in self.lanes.values())

    def lag(self) -> int:
        """Events not handled yet; for those still in the log an upper bound."""
        routed, lanes = self._shared.routed(), max(len(self.lanes), 1)
        unread = sum(max(routed - lane.seen, 0) for lane in self.lanes.values() if lane.behind)
        return self.queued + -(-unread // lanes)

    @property
    def busy(self) -> bool:
        """Whether it reads or handles, or is about to."""
        if self._workers or self._reading is not None:
            return True
        lanes = self.lanes.values()
        return not self.paused and any(not (lane.idle or lane.due_us) for lane in lanes)

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
        self._ready.append(lane)
        self._hire()

    def _fall_behind(self, lane: Lane) -> None:
        lane.behind = True
        self._shared.changed(self.name, lane)
        if not self.paused:
            self._shared.full()
            self.read_on()

    def start(self) -> None:
        """Begin with what the log holds after the cursors."""
        for lane in self.lanes.values():
            lane.behind = lane.seen < self._shared.routed()
            self._shared.changed(self.name, lane)
        self.read_on()

    # Reading from the log

    def read_on(self) -> None:
        """Read from the log for lanes that are behind, unless that is going on already."""
        if self._reading is None and not self.paused and any(self._readable()):
            self._reading = self._shared.loop.create_task(self._read())
            self._reading.add_done_callback(self._read_ended)

    def _readable(self) -> list[Lane]:
        half, roomy = self.capacity // 2, self._bytes <= CHANNEL_BYTES // 2
        return [
            lane
            for lane in self.lanes.values()
            if lane.behind
            and not lane.due_us
            and (not lane.channel or (roomy and len(lane.channel) <= half))
        ]

    async def _read(self) -> None:
        while not self.paused and (lanes := self._readable()):
            self._leader += 1
            leader = lanes[self._leader % len(lanes)]
            group = {lane.number: lane for lane in lanes if lane.seen >= leader.seen}
            await self._read_page(leader.seen, group)

    async def _read_page(self, after: int, group: dict[int, Lane]) -> None:
        wanted = None if len(group) == len(self.lanes) else frozenset(group)
        seen = {number: lane.seen for number, lane in group.items()}
        page = await self._shared.log.read(after, PAGE, wanted)
        for number in [n for n, lane in group.items() if lane.seen != seen[n]]:
            del group[number]  # it has begun to block meanwhile, and forgot what it had read
        self._take(chosen(page.events, self.matches), group)
        for lane in group.values():
            lane.seen = max(lane.seen, page.through)
            lane.behind = lane.seen < self._shared.routed()
            self._shared.changed(self.name, lane)

    def _take(self, events: Sequence[Event], group: dict[int, Lane]) -> None:
        """Put read events into their channels; a lane that is full leaves the group."""
        for event in events:
            lane = group.get(self.lane_of(event).number)
            if lane is None or event.offset <= lane.seen:
                continue
            if self._has_room(lane):
                self._put(lane, event)
            else:
                del group[lane.number]

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.error("reading the log for %s failed: %s", self.name, error)
            self._shared.loop.call_later(AGAIN_SECONDS, self._read_again)
        elif task.cancelled():
            self._reading = None
        else:
            self._read_again()

    def _read_again(self) -> None:
        self._reading = None
        self.read_on()

    # Workers

    def _hire(self) -> None:
        limit = self.entry.listener.workers or self._shared.settings.async_workers
        if len(self._workers) < limit:
            task = self._shared.loop.create_task(self._work(), name=f"listener {self.name}")
            self._workers.add(task)
            task.add_done_callback(self._worker_ended)

    async def _work(self) -> None:
        with self._shared.watch.slot() as slot:
            while self._ready:
                lane = self._ready.popleft()
                try:
                    await self._handle_slice(lane, slot)
                finally:
                    self._put_back(lane)
                await asyncio.sleep(0)
            self._workers.discard(slot.task)  # from here on a new event hires anew

    def _worker_ended(self, task: asyncio.Task[None]) -> None:
        self._workers.discard(task)
        if not task.cancelled() and (error := task.exception()):
            trace = None if isinstance(error, StorageError) else error
            _log.error("a worker of %s failed: %s", self.name, error, exc_info=trace)
            self._hiring = self._shared.loop.call_later(AGAIN_SECONDS, self._hire)

    def _put_back(self, lane: Lane) -> None:
        self._shared.cells[lane.cell] = 0
        lane.busy = bool(lane.channel)
        if lane.due_us:
            self._wait(lane)
        elif lane.busy:
            self._ready.append(lane)
        self._shared.changed(self.name, lane)
        if lane.behind:
            self.read_on()

    async def _handle_slice(self, lane: Lane, slot: Slot) -> None:
        """Handle the next events of a lane, one after the other, each isolated and timed."""
        durations: list[float] = []
        ages: list[float] = []
        errors = 0
        monotonic = self._shared.watch.monotonic
        started = monotonic()
        wall_us = self._shared.now_us() - started * 1e6
        channel, condition, failed = lane.channel, self.entry.condition, lane.failed
        cells, cell = self._shared.cells, lane.cell
        for _ in range(SLICE):
            if not channel:
                break
            event = channel[0]
            cells[cell] = event.offset
            if failed and self.failing.rests(lane, event):
                pass
            elif condition is None or condition(event):
                error = await self.handle(event, slot, started)
                finished = monotonic()
                durations.append(finished - started)
                ages.append((wall_us + finished * 1e6 - event.received_us) / 1e6)
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
        self._shared.observe(Observed(self.name, durations, ages, errors))

    async def handle(self, event: Event, slot: Slot, started: float) -> BaseException | None:
        """Call the handler, isolated and timed; its error."""
        timeout = self.entry.listener.timeout
        slot.deadline = started + timeout
        self._shared.bind_trace(event.traceparent)
        try:
            await self._call(event)
        except asyncio.CancelledError as error:
            if not slot.expired:
                if slot.task.cancelling():
                    raise
                return error  # the handler's own doing
        except (Exception, SystemExit) as error:  # noqa: BLE001 - isolation is the point
            return error
        if slot.expired:
            slot.take_expiry()
            return TimeoutError(f"took longer than its timeout of {timeout:g} s")
        return None

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
        self._ready.append(lane)
        self._hire()

    async def retry(self, event: Event, attempts: int, slot: Slot) -> Failure | None:
        """Handle a parked event once more, after `attempts` attempts; what a failure comes to."""
        started = (monotonic := self._shared.watch.monotonic)()
        error = await self.handle(event, slot, started)
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
        self.read_on()

    def forget_ahead(self) -> None:
        """Keep of what was read only what may be in a handler's hands; the rest is read again."""
        hand = max(self.entry.listener.batch, 1)
        for lane in self.lanes.values():
            if len(lane.channel) > hand:
                self._forget_beyond(hand, lane)

    def _forget_beyond(self, number: int, lane: Lane) -> None:
        for event in lane.cut(number):
            self._bytes -= len(event.raw) if event.raw is not None else 0

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in the channels, for as long as that is granted."""
        self.paused = True
        if self._hiring is not None:
            self._hiring.cancel()
        for lane in self.lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
        if self._reading is not None:
            self._reading.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=grace_seconds)
        for task in list(self._workers):
            task.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=1.0)
        self.close()

    def close(self) -> None:
        """End the handler's idle threads."""
        if self._threads is not None:
            self._threads.close()
