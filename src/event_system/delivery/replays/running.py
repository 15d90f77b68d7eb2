"""Replays at work: each is a second subscription of its listener, with cursors of its own."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import msgspec

from event_system.delivery.batches import BatchSubscription
from event_system.delivery.lane import Lane
from event_system.delivery.ports import (
    BATCH_LANE,
    BLOCKING,
    RETRYING,
    Failure,
    RetryStore,
    Selection,
)
from event_system.delivery.replays.past import Meter, Past, Traffic, anew
from event_system.delivery.replays.replay import Pace, Replay, ReplayStatus, State, status_of
from event_system.delivery.statistics import Observed, Statistics
from event_system.delivery.subscription import Subscription
from event_system.delivery.surroundings import Shared
from event_system.events.event import Event

CANCEL_SECONDS = 5.0
"""How long a cancelled replay waits for the handler that is running."""
MOST_BLOCKING = 10_000
REMEMBERED = 10_000
"""Replays that have ended here; what was read of one before that says that it goes on."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failures:
    """A listener's failed deliveries: those that are saved, and those that will be in a moment."""

    listener: str
    saved: RetryStore
    unsaved: Mapping[tuple[str, int], Failure | None]

    async def between(self, after: int, through: int, limit: int) -> list[Failure]:
        """Up to `limit` of them above one offset up to another, by offset."""
        news = {
            offset: failure
            for (listener, offset), failure in self.unsaved.items()
            if listener == self.listener and after < offset <= through
        }  # taken first: what is saved meanwhile is found twice rather than never
        saved = await self.saved.between(self.listener, after, through, limit)
        found = {failure.offset: failure for failure in saved} | news
        known = (failure for _, failure in sorted(found.items()) if failure is not None)
        return list(islice(known, limit))


class Run:
    """One replay at work. `changed` is called when there is something new to be saved."""

    def __init__(
        self, replay: Replay, live: Subscription, shared: Shared, failures: Failures
    ) -> None:
        self.replay = replay
        self.statistics = Statistics()
        self.dirty = True
        self.ended = asyncio.Event()
        self.changed: Callable[[], None] = lambda: None
        self._live = live
        self._shared = shared
        self._retries = failures.saved
        self._handled, self._failed = replay.handled, replay.failed
        self._stopping = False
        monotonic = shared.watch.monotonic
        self._past = Past(
            replay,
            shared.log,
            failures.between,
            self._again,
            None if replay.rate is None else Meter(replay.rate, monotonic),
            Traffic(shared.routed, monotonic),
        )
        self.subscription = live

    async def prepare(self) -> None:
        """Make the subscription, and let it know what blocks its lanes."""
        self.subscription = child = await self._subscribe()
        child.statistics = self._live.statistics
        self._past.matches = child.matches
        self._past.room = child.capacity // 2 if BATCH_LANE in child.lanes else 0
        selection = Selection(state=BLOCKING, listener=child.name)
        page = await self._retries.find(selection, MOST_BLOCKING, None, newest_first=False)
        for failure in page.failures:
            lane = self._lane_of(failure)
            if lane.cursor < failure.offset <= self.replay.through:
                lane.failed[failure.offset] = failure
        self._taken_up = Pace(0.0, self.snapshot().progress, self._shared.now_us(), 0)

    async def _subscribe(self) -> Subscription:
        replay, live = self.replay, self._live
        shared = replace(
            self._shared,
            log=self._past,
            routed=lambda: replay.through,
            changed=self._moved,
            observe=self._observe,
        )
        if isinstance(live, BatchSubscription):
            store = await live.store.replaying(replay.mark, replay.cursor(BATCH_LANE))
            return _ReplayedBatches(live.entry, store, shared)
        lanes = {n: Lane(n, replay.cursor(n)) for n in live.lanes}
        return Subscription(live.entry, lanes, shared)

    def start(self, *, forsaken: bool = False) -> None:
        """Begin, once the board is laid; with care where it is forsaken."""
        if forsaken:
            self.subscription.beware(self.subscription.lanes.values())
        for number, cell in self._live.replay_cells.items():
            self.subscription.lanes[number].cell = cell
        self.subscription.paused = self._live.paused
        self.subscription.take(self.subscription.lanes.values())

    def follow(self) -> None:
        """Wait, or go on, with the listener; take over its settings."""
        child = self.subscription
        child.reconfigure(self._live.entry)
        if self._live.paused:
            child.pause()
        elif child.paused and not self._stopping:
            child.resume()

    @property
    def busy(self) -> bool:
        """Whether it has work in hand, or its end is not saved yet."""
        return self.subscription.busy or self.replay.state != "running"

    # What the subscription reports

    def _lane_of(self, failure: Failure) -> Lane:
        lanes = self.subscription.lanes
        return lanes[BATCH_LANE] if BATCH_LANE in lanes else lanes[failure.lane]

    def _again(self, failure: Failure) -> None:
        self._lane_of(failure).failed[failure.offset] = anew(failure)

    def _moved(self, listener: str, lane: Lane) -> None:
        self.dirty = True
        if self.replay.state == "running" and all(
            lane.idle for lane in self.subscription.lanes.values()
        ):
            self._end("done")
        self.changed()

    def _observe(self, observed: Observed) -> None:
        """The ages of replayed events are no measure of anything."""
        number = len(observed.durations)
        self._handled += number
        self._failed += observed.errors
        self.statistics.count(number, observed.errors)
        self._shared.observe(Observed(observed.listener, observed.durations, [], observed.errors))

    # Saving

    def snapshot(self) -> Replay:
        """What is to be saved now."""
        lanes = self.subscription.lanes
        return msgspec.structs.replace(
            self.replay,
            cursors={n: _position(lane) for n, lane in lanes.items()},
            handled=self._handled,
            failed=self._failed,
        )

    def _end(self, state: State) -> None:
        now_us = self._shared.now_us()
        self.replay = msgspec.structs.replace(self.replay, state=state, ended_us=now_us)
        self.dirty = True
        self.changed()

    # Operation

    def status(self) -> ReplayStatus:
        """As of now; it has ended once that is saved."""
        replay = self.snapshot()
        if self.ended.is_set():
            return status_of(replay, replay.state)
        replay = msgspec.structs.replace(replay, state="running", ended_us=None)
        state: State = "waiting" if self.subscription.paused else "running"
        rate, _ = self.statistics.rates()
        pace = msgspec.structs.replace(self._taken_up, rate=rate, now_us=self._shared.now_us())
        return status_of(replay, state, pace)

    def awaits(self, event: Event, state: str) -> bool:
        """Whether a delivery in this state has this replay still before it."""
        lane = self.subscription.lane_of(event)
        return event.offset > _position(lane) and self._past.awaits(event, state)

    async def cancel(self) -> None:
        """End before the end. What blocked a lane is parked: its retries go on as any other's."""
        await self.stop(CANCEL_SECONDS)
        for lane in self.subscription.lanes.values():
            for failure in lane.failed.values():
                if failure.state == BLOCKING and failure.attempts > 0:
                    await self._park(msgspec.structs.replace(failure, state=RETRYING))
        if self.replay.state == "running":
            self._end("cancelled")

    async def _park(self, failure: Failure) -> None:
        child = self.subscription
        if isinstance(child, BatchSubscription):
            await child.store.advance(child.store.cursor, failure)
            self._shared.parked(failure)
        else:
            self._shared.record(failure)

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in hand, and nothing else."""
        self._stopping = True
        self.subscription.forget_ahead()
        await self.subscription.stop(grace_seconds)


class _ReplayedBatches(BatchSubscription):
    """Batches of the past: how old their events are is no measure of anything."""

    def _ages(self, events: Sequence[Event]) -> list[float]:
        return []


def _position(lane: Lane) -> int:
    """Up to where a lane is complete."""
    return lane.cursor if lane.channel or lane.busy else max(lane.cursor, lane.seen)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A listener's replays: totals of calls since the start, and offsets that lie ahead now."""

    running: int
    handled: int
    failed: int
    left: int


class Running:
    """The replays that are under way, one a listener at most."""

    def __init__(
        self,
        shared: Shared,
        retries_of: Callable[[Subscription], RetryStore],
        unsaved: Mapping[tuple[str, int], Failure | None],
        floor: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self.by_listener: dict[str, Run] = {}
        self._shared = shared
        self._retries_of = retries_of
        self._unsaved = unsaved
        self._floor = floor
        self._changed = changed
        self._attaching = asyncio.Lock()
        self._over: deque[str] = deque(maxlen=REMEMBERED)
        self._handled: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    async def take_up(
        self, kept: Sequence[Replay], loaded: Mapping[str, Subscription]
    ) -> list[Run]:
        """Prepare what others have left, or were asked for; which of them are new here.

        Those of listeners that are gone wait. Idempotent.
        """
        async with self._attaching:
            fresh = [
                replay
                for replay in kept
                if replay.listener in loaded
                and replay.listener not in self.by_listener
                and replay.mark not in self._over
            ]
            return [await self._attach(each, loaded[each.listener]) for each in fresh]

    def subscriptions(self) -> dict[str, Subscription]:
        return {name: run.subscription for name, run in self.by_listener.items()}

    async def _attach(self, replay: Replay, live: Subscription) -> Run:
        if (floor := self._floor()) > replay.offset:
            detail = f"of the events up to offset {floor} old ones have been deleted"
            replay = msgspec.structs.replace(replay, detail=detail)
        failures = Failures(replay.listener, self._retries_of(live), self._unsaved)
        run = Run(replay, live, self._shared, failures)
        await run.prepare()
        run.changed = self._changed
        self.by_listener[replay.listener] = run
        return run

    def start(self, listeners: Collection[str], forsaken: Collection[str]) -> None:
        """Let those of these listeners go that were taken up; with care where they are forsaken."""
        for run in self._of(listeners):
            run.start(forsaken=run.replay.listener in forsaken)

    def _of(self, listeners: Collection[str]) -> list[Run]:
        return [run for name, run in self.by_listener.items() if name in listeners]

    def take_news(self) -> list[tuple[Run, Replay]]:
        """What is to be saved now, in the transaction that saves the failures so far."""
        news = [(run, run.snapshot()) for run in self.by_listener.values() if run.dirty]
        for run, _ in news:
            run.dirty = False
        return news

    def not_saved(self, news: Sequence[tuple[Run, Replay]]) -> None:
        for run, _ in news:
            run.dirty = True

    def saved(self, news: Sequence[tuple[Run, Replay]]) -> None:
        """What was saved as ended is let go."""
        for run, replay in news:
            if replay.state != "running":
                self._let_go(run)

    def _let_go(self, run: Run) -> None:
        name = run.replay.listener
        if self.by_listener.get(name) is not run:
            return
        del self.by_listener[name]
        self._over.append(run.replay.mark)
        last = run.snapshot()
        self._handled[name] += run.statistics.handled
        self._failed[name] += run.statistics.errors
        run.ended.set()
        context = {"listener": name, "replay": last.id, "handled": last.handled}
        _log.info("a replay has ended: %s", last.state, extra={"context": context})
        run.subscription.close()

    # Operation

    def follow(self, name: str) -> None:
        """Let a replay do as its listener does: wait, go on, take over settings."""
        if (run := self.by_listener.get(name)) is not None:
            run.follow()

    def mark(self, now: float) -> None:
        """Note the totals for the rates; once a second."""
        for run in self.by_listener.values():
            run.statistics.mark(now)

    def numbers(self) -> dict[str, Numbers]:
        """In numbers, by listener."""
        now = {name: run.snapshot() for name, run in self.by_listener.items()}
        return {name: self._numbers(name, now.get(name)) for name in {*self._handled, *now}}

    def _numbers(self, name: str, replay: Replay | None) -> Numbers:
        handled, failed = self._handled[name], self._failed[name]
        if replay is None:
            return Numbers(0, handled, failed, 0)
        left = round((1 - replay.progress) * (replay.through - replay.after))
        run = self.by_listener[name].statistics
        return Numbers(1, handled + run.handled, failed + run.errors, left)

    async def stop(self, listeners: Collection[str], grace_seconds: float) -> None:
        """Finish what is in hand; whoever takes them up again goes on from there."""
        stops = [run.stop(grace_seconds) for run in self._of(listeners)]
        for result in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("a replay did not stop cleanly: %s", result)

    def forget(self, listeners: Collection[str]) -> None:
        """Others go on with the replays of these listeners, which have stopped and are saved."""
        for run in self._of(listeners):
            del self.by_listener[run.replay.listener]
            run.subscription.close()
