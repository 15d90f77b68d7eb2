"""Shows every commit to the listeners that it concerns, and keeps their cursors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from event_system.delivery.batches import BatchSubscription
from event_system.delivery.lane import Lane
from event_system.delivery.ports import Cursor, CursorStore, Failure, Progress
from event_system.delivery.statistics import Observer
from event_system.delivery.subscription import DeliverySettings, Shared, Subscription
from event_system.delivery.watch import Watch
from event_system.events.event import event_of
from event_system.events.ports import Commit, EventLog
from event_system.events.registry import Registered, Registry

SAVE_SECONDS = 0.025
"""How often cursors are saved: what a crash makes a listener see again is that young."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the dispatcher is given besides its log and its store."""

    watch: Watch
    loop: asyncio.AbstractEventLoop
    now_us: Callable[[], int]
    observe: Observer
    full: Callable[[], None]
    bind_trace: Callable[[str | None], None]


class Dispatcher:
    """All async listeners of a node.

    `route` is called with each commit, in order. `routed` is the newest offset that was
    shown; together with the cursors of the listeners that are not caught up it is saved
    every few milliseconds, in one transaction.
    """

    def __init__(
        self,
        log: EventLog,
        store: CursorStore,
        registry: Registry,
        settings: DeliverySettings,
        tools: Tools,
        *,
        lanes: int,
    ) -> None:
        self.routed = 0
        self.subscriptions: dict[str, Subscription] = {}
        self.failures: list[Failure] = []  # not saved yet
        self._registry = registry
        self._store = store
        self._lanes = lanes
        self._loop = tools.loop
        self._dirty: dict[Lane, Subscription] = {}
        self._saved = -1
        self._saver: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._shared = Shared(
            log=log,
            store=store,
            settings=settings,
            routed=lambda: self.routed,
            record=self.record,
            changed=self._changed,
            watch=tools.watch,
            loop=tools.loop,
            now_us=tools.now_us,
            observe=tools.observe,
            full=tools.full,
            bind_trace=tools.bind_trace,
        )

    # Start and stop

    async def start(self) -> None:
        """Take up where the cursors stand, new listeners where they want to begin."""
        progress = await self._store.load()
        self.routed = self._shared.log.head
        entries = [e for e in self._registry.by_name.values() if e.listener.mode == "async"]
        await self._welcome(entries, progress)
        for subscription in self.subscriptions.values():
            subscription.start()
        self._saver = self._loop.create_task(self._save_regularly(), name="cursors")

    async def _welcome(self, entries: Iterable[Registered], progress: Progress) -> None:
        starts = {
            entry.listener.name: 0 if entry.listener.start == "beginning" else self.routed
            for entry in entries
            if entry.listener.name not in progress.starts
        }
        await self._store.register(starts)
        for entry in entries:
            first = starts.get(entry.listener.name)
            self.subscriptions[entry.listener.name] = await self._subscribe(entry, progress, first)

    async def _subscribe(
        self, entry: Registered, progress: Progress, first: int | None
    ) -> Subscription:
        name = entry.listener.name
        if entry.listener.batch:
            start = first if first is not None else progress.starts[name]
            store = await self._store.open_batches(name, start)
            return BatchSubscription(entry, store, self._shared)
        lanes = {n: Lane(n, _cursor(progress, name, n, first)) for n in range(self._lanes)}
        return Subscription(entry, lanes, self._shared)

    async def stop(self, grace_seconds: float) -> None:
        """Let listeners finish what they hold, then save all cursors."""
        stops = [s.stop(grace_seconds) for s in self.subscriptions.values()]
        for result in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("a listener did not stop cleanly: %s", result)
        if self._saver is not None:
            self._saver.cancel()
            await asyncio.wait([self._saver])
        await self._save()

    # Events

    def route(self, commit: Commit) -> None:
        """Show a commit's events to their async listeners."""
        find, subscriptions = self._registry.route, self.subscriptions
        wanted = {row[5] for row in commit.rows}
        if any(find(type_).deferred for type_ in wanted):
            for offset, row in enumerate(commit.rows, commit.first):
                if deferred := find(row[5]).deferred:
                    event = event_of(offset, row)
                    for entry in deferred:
                        subscriptions[entry.listener.name].offer(event)
        self.routed = commit.first + len(commit.rows) - 1
        self._moved.set()

    # Cursors

    def record(self, failure: Failure) -> None:
        """Note a failed delivery; saved with the next cursors."""
        self.failures.append(failure)
        self._moved.set()

    def _changed(self, subscription: Subscription, lane: Lane) -> None:
        self._dirty[lane] = subscription
        self._moved.set()

    async def _save_regularly(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            await asyncio.sleep(SAVE_SECONDS)
            try:
                await self._save()
                await self._keep_up()
            except Exception as error:  # noqa: BLE001 - the next round tries again
                _log.error("cursors could not be saved: %s", error)
                self._moved.set()
                await asyncio.sleep(1.0)

    async def _save(self) -> None:
        dirty, failures = self._dirty, self.failures[:]
        if not (dirty or failures or self.routed != self._saved):
            return
        self._dirty = {}
        cursors = [self._snapshot(lane, s) for lane, s in dirty.items() if lane.number >= 0]
        routed = self.routed
        try:
            await self._store.save(routed, cursors, failures)
        except BaseException:
            self._dirty = {**dirty, **self._dirty}
            raise
        self._saved = routed
        del self.failures[: len(failures)]

    def _snapshot(self, lane: Lane, subscription: Subscription) -> Cursor:
        if lane.idle:
            lane.cursor = max(lane.cursor, self.routed)
        return Cursor(subscription.name, lane.number, lane.cursor, lane.idle)

    async def _keep_up(self) -> None:
        for subscription in self.subscriptions.values():
            if isinstance(subscription, BatchSubscription):
                await subscription.keep_up()

    # Operation

    def reconfigure(self, registry: Registry) -> None:
        """Take over changed settings; a listener that is switched off is paused."""
        self._registry = registry
        for name, subscription in self.subscriptions.items():
            entry = registry.by_name.get(name)
            if entry is None:
                subscription.pause()
                continue
            subscription.reconfigure(entry)
            if subscription.paused:
                subscription.resume()

    @property
    def queued(self) -> int:
        return sum(s.queued for s in self.subscriptions.values())

    @property
    def full_lanes(self) -> int:
        return sum(s.full_lanes for s in self.subscriptions.values())


def _cursor(progress: Progress, name: str, lane: int, first: int | None) -> int:
    """Where a listener stands in a lane: what was saved, or else where it was to begin."""
    if first is not None:
        return first
    saved = progress.cursors.get((name, lane))
    if saved is None:
        return progress.starts[name]
    return max(saved.offset, progress.routed) if saved.caught_up else saved.offset
