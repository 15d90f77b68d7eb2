"""An async listener at work: its lanes, its workers, and its reading from the log."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from event_system.delivery.calls import describe, prepare, trace
from event_system.delivery.lane import Lane
from event_system.delivery.ports import CursorStore, Failure
from event_system.delivery.statistics import Observed, Observer, Statistics
from event_system.delivery.watch import Slot, Watch
from event_system.events.event import Event
from event_system.events.ports import EventLog
from event_system.events.registry import Registered
from event_system.kernel.patterns import matches, parse_pattern

SLICE = 128
"""Events that a worker handles in a row before it lets others run."""

CHANNEL_BYTES = 16 * 1024 * 1024
PAGE = 1000
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class DeliverySettings:
    """What an operator can change while the node runs."""

    async_workers: int = 4
    async_channel_size: int = 1000


@dataclass(frozen=True, slots=True)
class Shared:
    """What all subscriptions of a dispatcher use. `routed()` is the newest offset shown."""

    log: EventLog
    store: CursorStore
    watch: Watch
    loop: asyncio.AbstractEventLoop
    settings: DeliverySettings
    routed: Callable[[], int]
    now_us: Callable[[], int]
    observe: Observer
    record: Callable[[Failure], None]
    changed: Callable[[Subscription, Lane], None]
    full: Callable[[], None]
    bind_trace: Callable[[str | None], None]


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
        self._leader = 0
        self._call, self._threads = prepare(entry.listener, shared.loop)
        self._patterns = [parse_pattern(p) for p in entry.listener.patterns]

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

    # Events come in

    def lane_of(self, event: Event) -> Lane:
        return self.lanes[event.lane]

    def offer(self, event: Event) -> None:
        """Show a newly committed event whose type matches."""
        lane = self.lane_of(event)
        if lane.behind or event.offset <= lane.seen:
            return
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
            lane.busy = True
            self._shared.changed(self, lane)
            self._ready.append(lane)
            self._hire()

    def _fall_behind(self, lane: Lane) -> None:
        lane.behind = True
        self._shared.changed(self, lane)
        if not self.paused:
            self._shared.full()
            self.read_on()

    def start(self) -> None:
        """Begin with what the log holds after the cursors."""
        for lane in self.lanes.values():
            lane.behind = lane.seen < self._shared.routed()
            self._shared.changed(self, lane)
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
            if lane.behind and (not lane.channel or (roomy and len(lane.channel) <= half))
        ]

    async def _read(self) -> None:
        while not self.paused and (lanes := self._readable()):
            self._leader += 1
            leader = lanes[self._leader % len(lanes)]
            group = {lane.number: lane for lane in lanes if lane.seen >= leader.seen}
            await self._read_page(leader.seen, group)

    async def _read_page(self, after: int, group: dict[int, Lane]) -> None:
        wanted = None if len(group) == len(self.lanes) else frozenset(group)
        page = await self._shared.log.read(after, PAGE, wanted)
        for event in page.events:
            lane = group.get(self.lane_of(event).number)
            if lane is None or event.offset <= lane.seen or not self.matches(event.type):
                continue
            if self._has_room(lane):
                self._put(lane, event)
            else:
                del group[lane.number]
        for lane in group.values():
            lane.seen = max(lane.seen, page.through)
            lane.behind = lane.seen < self._shared.routed()
            self._shared.changed(self, lane)

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if task.cancelled():
            return
        if error := task.exception():
            _log.error("reading the log for %s failed: %s", self.name, error)
            self._shared.loop.call_later(1.0, self.read_on)
        else:
            self.read_on()

    def matches(self, type_: str) -> bool:
        return any(matches(pattern, type_) for pattern in self._patterns)

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
            _log.error("a worker of %s failed: %s", self.name, error, exc_info=error)
            if self._ready:
                self._hire()

    def _put_back(self, lane: Lane) -> None:
        lane.busy = bool(lane.channel)
        if lane.busy:
            self._ready.append(lane)
        self._shared.changed(self, lane)
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
        channel, condition = lane.channel, self.entry.condition
        for _ in range(min(len(channel), SLICE)):
            event = channel[0]
            if condition is None or condition(event):
                error = await self._handle(event, slot, started)
                finished = monotonic()
                durations.append(finished - started)
                ages.append((wall_us + finished * 1e6 - event.received_us) / 1e6)
                started = finished
                if error is not None:
                    errors += 1
                    self._fail(event, error)
            channel.popleft()
            if event.raw is not None:
                self._bytes -= len(event.raw)
            lane.cursor = event.offset
        self.statistics.count(len(durations), errors)
        self._shared.observe(Observed(self.name, durations, ages, errors))

    async def _handle(self, event: Event, slot: Slot, started: float) -> BaseException | None:
        timeout = self.entry.listener.timeout
        slot.deadline = started + timeout
        self._shared.bind_trace(event.traceparent)
        try:
            await self._call(event)
        except asyncio.CancelledError:
            if not slot.expired:
                raise
        except Exception as error:  # noqa: BLE001 - isolation is the point
            return error
        if slot.expired:
            slot.take_expiry()
            return TimeoutError(f"took longer than its timeout of {timeout:g} s")
        return None

    def _fail(self, event: Event, error: BaseException) -> None:
        text = describe(error)
        self.statistics.last_error = text
        context = {"listener": self.name, "eventId": event.id, "offset": event.offset}
        _log.error("a listener failed: %s", text, extra={"context": context})
        at = self._shared.now_us()
        self._shared.record(Failure(self.name, event.offset, "failed", text, trace(error), at))

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
                self._shared.changed(self, lane)

    def resume(self) -> None:
        self.paused = False
        self.read_on()

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in the channels, for as long as that is granted."""
        self.paused = True
        if self._reading is not None:
            self._reading.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=grace_seconds)
        for task in list(self._workers):
            task.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=1.0)
        if self._threads is not None:
            self._threads.close()
