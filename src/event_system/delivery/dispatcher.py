"""Shows every commit to the listeners that it concerns, and keeps their cursors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from event_system.delivery.batches import BatchSubscription, retries_of
from event_system.delivery.board import Board, InlinePlaces
from event_system.delivery.lane import Lane
from event_system.delivery.ports import (
    INLINE_LANE,
    BatchStore,
    Counts,
    Cursor,
    CursorStore,
    Progress,
)
from event_system.delivery.recovery import take_up
from event_system.delivery.replays.running import Running
from event_system.delivery.retries import Retries
from event_system.delivery.saving import Readers, Saver
from event_system.delivery.share import Share, share_of
from event_system.delivery.sharing import Sharing
from event_system.delivery.shown import shown
from event_system.delivery.statistics import Observer, Statistics
from event_system.delivery.subscription import Subscription
from event_system.delivery.surroundings import DeliverySettings, Shared
from event_system.delivery.watch import Watch
from event_system.events.listener import Listener
from event_system.events.ports import Commit, EventLog
from event_system.events.registry import Registered, Registry
from event_system.events.retry import Retry
from event_system.kernel.clock import CallLater, first_of
from event_system.kernel.errors import LogBehindError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the dispatcher is given besides its log and its store."""

    watch: Watch
    loop: asyncio.AbstractEventLoop
    call_later: CallLater
    now_us: Callable[[], int]
    observe: Observer
    full: Callable[[], None]
    bind_trace: Callable[[str | None], None]
    board: Board
    random: Callable[[], float]


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
        self.inline: dict[str, Subscription] = {}
        """Sync listeners, whose dead letters may be handled again."""
        plain = [e.listener.name for e in registry.by_name.values() if is_plain(e.listener)]
        self.everything = share_of(plain, range(lanes), registry.by_name)
        self._saver = Saver(store, tools.loop, lambda: self.routed)
        self.failures = self._saver.failures
        self.record = self._saver.record
        self._registry = registry
        self._held: set[str] = set()
        self._log = log
        self._store = store
        self._lanes = lanes
        self._loop = tools.loop
        self._open: list[int] = []
        self._shared = Shared(
            log=log,
            settings=settings,
            routed=lambda: self.routed,
            record=self.record,
            recovered=self._saver.recovered,
            parked=lambda failure: self.retries.saved([failure]),
            changed=self._saver.changed,
            watch=tools.watch,
            loop=tools.loop,
            call_later=tools.call_later,
            now_us=tools.now_us,
            observe=tools.observe,
            full=tools.full,
            bind_trace=tools.bind_trace,
            board=tools.board,
            random=tools.random,
        )
        self.retries = Retries(self._shared)
        self.replays = Running(
            *(self._shared, lambda s: retries_of(s, store), self.failures),
            floor=lambda: log.floor,
            changed=self._saver.moved,
        )
        self.sharing = Sharing(
            *(self.subscriptions, self._shared, store), self.retries, self.replays, self._saver
        )

    # Start and stop

    async def start(self, share: Share, left: Share) -> None:
        """Take up a share where the cursors stand, new listeners where they want to begin.

        `left` is what the process before had, and nobody else since.
        """
        progress = await self._store.load()
        self.routed = self._log.head
        await self._check(progress.routed, *(c.offset for c in progress.cursors.values()))
        if self.routed and not progress.starts:
            _log.warning("the state of all listeners was missing: they start as new ones")
        await self._welcome(self._entries("async"), progress)
        await self._freeze(progress)
        self.inline = {e.listener.name: self._inline(e) for e in self._entries("sync")}
        everyone = [*self.subscriptions.values(), *self.inline.values()]
        await self.replays.take_up(await self.sharing.unfinished(left), self.subscriptions)
        self._open = await take_up(
            everyone, self.replays.subscriptions(), self._shared, self._store, left
        )
        self.replays.forget(left.listeners - share.listeners)
        self.sharing.begin(share, self.inline)
        self._saver.start(Readers(self.retries, self.replays, self._keep_up))

    def _entries(self, mode: str) -> list[Registered]:
        return [e for e in self._registry.by_name.values() if e.listener.mode == mode]

    def _inline(self, entry: Registered) -> Subscription:
        """What stands for a sync listener here: it has no lane but the one that is in hand."""
        return Subscription(_once(entry), {INLINE_LANE: Lane(INLINE_LANE, 0)}, self._shared)

    def inline_places(self) -> InlinePlaces:
        """Where on the board sync listeners show what they have in hand."""
        cells = self._shared.cells
        signs = {name: cells[s.lanes[INLINE_LANE].cell - 1] for name, s in self.inline.items()}
        *open_, spare = (cell - 1 for cell in self._open)
        return InlinePlaces(cells, signs, open_, spare)

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

    async def _freeze(self, progress: Progress) -> None:
        """Let the cursors of listeners that are not loaded stay where they are.

        Those that had caught up would otherwise move on with what is shown from now on.
        """
        frozen = [
            Cursor(name, lane, progress.cursor(name, lane), caught_up=False)
            for (name, lane), saved in progress.cursors.items()
            if name not in self.subscriptions and saved.caught_up and name in progress.starts
        ]
        if frozen:
            await self._store.save(progress.routed, frozen, [])

    async def _subscribe(
        self, entry: Registered, progress: Progress, first: int | None
    ) -> Subscription:
        name = entry.listener.name
        if entry.listener.batch:
            start = first if first is not None else progress.starts[name]
            store = await self._store.open_batches(name, start)
            await self._check(store.cursor)
            return BatchSubscription(entry, store, self._shared)
        lanes = {
            n: Lane(n, progress.cursor(name, n) if first is None else first)
            for n in range(self._lanes)
        }
        return Subscription(entry, lanes, self._shared)

    async def _check(self, *offsets: int) -> None:
        """A log that ends before what listeners have seen of it has lost events.

        Other nodes' may have seen what has come since this one looked.
        """
        if (known := max(offsets)) > self.routed and known > (end := await self._log.latest()):
            raise LogBehindError(f"the log ends at offset {end}, listeners know {known}")

    def failure_places(self, listener: str | None) -> list[CursorStore | BatchStore]:
        """Where failures of a listener, or of any, are kept."""
        batches = [
            subscription.store
            for name, subscription in self.subscriptions.items()
            if isinstance(subscription, BatchSubscription) and listener in (None, name)
        ]
        return [self._store, *batches]

    def failure_totals(self, inline: Mapping[str, Statistics]) -> dict[str, tuple[int, int, int]]:
        """By listener: attempts after the first, those cut off, events that became dead letters.

        `inline` is what sync listeners count where they run.
        """
        found = {}
        for name, subscription in {**self.subscriptions, **self.inline}.items():
            mine = subscription.statistics
            dead = mine.dead + (inline[name].dead if name in inline else 0)
            found[name] = mine.retries, mine.interrupted, dead
        return found

    def failure_counts(self) -> dict[str, Counts]:
        """How many failures each listener has that has any."""
        found: dict[str, Counts] = {}
        for place in self.failure_places(None):
            found |= place.retries.counts
        return found

    async def stop(self, grace_seconds: float) -> None:
        """Let listeners finish what they hold, then save all cursors."""
        began = self._loop.time()
        await self.retries.stop(self.sharing.listeners, grace_seconds)
        await self.replays.stop(self.sharing.listeners, grace_seconds)
        grace_seconds = max(0.0, grace_seconds - (self._loop.time() - began))
        everyone = [*self.subscriptions.values(), *self.inline.values()]
        stops = [s.stop(grace_seconds) for s in everyone]
        for result in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(result, Exception):
                _log.error("a listener did not stop cleanly: %s", result)
        await self._saver.stop()

    # Events

    def route(self, commit: Commit) -> None:
        """Show a commit's events to their async listeners."""
        find = self._registry.route
        listened = {
            type_: [entry.listener.name for entry in find(type_).deferred]
            for type_ in {row[5] for row in commit.rows}
        }
        for name, events in shown(commit, listened):
            self.subscriptions[name].offer(events)
        self.routed = commit.first + len(commit.rows) - 1
        self._saver.moved()

    @property
    def busy(self) -> bool:
        """Whether listeners have work in hand, or failures are not saved yet."""
        if self.failures or self.retries.busy or self.routed < self._log.head:
            return True
        if any(run.busy for run in self.replays.by_listener.values()):
            return True
        return any(subscription.busy for subscription in self.subscriptions.values())

    @property
    def next_us(self) -> int | None:
        """When the next failed delivery is tried again."""
        resting = [subscription.next_us for subscription in self.subscriptions.values()]
        return first_of([self.retries.next_us, *resting])

    async def _keep_up(self) -> None:
        for subscription in self.subscriptions.values():
            if isinstance(subscription, BatchSubscription):
                await subscription.keep_up()

    # Operation

    def reconfigure(self, registry: Registry) -> None:
        """Take over changed settings; a listener that is switched off is paused."""
        self._registry = registry
        for name, subscription in self.subscriptions.items():
            if (entry := registry.by_name.get(name)) is not None:
                subscription.reconfigure(entry)
            self._set_pause(name)
        for name, inline in self.inline.items():
            if (entry := registry.by_name.get(name)) is not None:
                inline.reconfigure(_once(entry))
            inline.paused = name not in registry.by_name

    def hold(self, name: str, held: bool) -> None:
        """Pause a listener, or end that; one that is switched off stays off."""
        (self._held.add if held else self._held.discard)(name)
        if name in self.subscriptions:
            self._set_pause(name)

    def _set_pause(self, name: str) -> None:
        subscription = self.subscriptions[name]
        if name in self._held or name not in self._registry.by_name:
            subscription.pause()
        elif subscription.paused:
            subscription.resume()
        self.replays.follow(name)

    @property
    def queued(self) -> int:
        return sum(s.queued for s in self.subscriptions.values())

    @property
    def full_lanes(self) -> int:
        return sum(s.full_lanes for s in self.subscriptions.values())


def is_plain(listener: Listener) -> bool:
    """Whether its events are handled by lanes."""
    return listener.mode == "async" and not listener.batch


def _once(entry: Registered) -> Registered:
    """A sync listener has one attempt: its failure is told to the sender."""
    return replace(entry, listener=entry.listener.with_settings(retry=Retry(attempts=1)))
