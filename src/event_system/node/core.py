"""The event core of a node: log, listeners and the manager, without any socket.

Built top to bottom from its stores and settings, torn down in reverse. `EventSystem` embeds it in another
program; `compose.py` puts the HTTP servers around it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from event_system.delivery.backlog import Backlog
from event_system.delivery.control import Control
from event_system.delivery.dead_letters import DeadLetters
from event_system.delivery.dispatcher import Dispatcher, Tools
from event_system.delivery.holds import DeliveryHolds
from event_system.delivery.pauses import Pauses
from event_system.delivery.ports import Counts, Progress
from event_system.delivery.removed import Removed
from event_system.delivery.replays.replays import Replays
from event_system.delivery.search import DeliverySearch
from event_system.delivery.share import NOTHING
from event_system.delivery.surroundings import DeliverySettings
from event_system.delivery.sync import SyncRunner
from event_system.delivery.view import Away, DeliveryView
from event_system.delivery.watch import Watch
from event_system.eventlog.retention import RetentionSettings
from event_system.events.catalogue.catalogue import Catalogue
from event_system.events.manager import EventManager, Limits
from event_system.events.ports import Commit
from event_system.events.registry import Registry
from event_system.http.tail import LiveTail
from event_system.kernel.clock import first_of
from event_system.kernel.errors import StorageError
from event_system.kernel.ids import IdFactory
from event_system.kernel.tasks import end
from event_system.logs.context import bind_trace, trace_id
from event_system.metrics.failures import FailureNumbers
from event_system.metrics.instruments import EventMetrics, UncountedEvents
from event_system.metrics.manager import MetricsManager
from event_system.node.differences import Differences, offers_of, served
from event_system.node.duties import Duties, Task
from event_system.node.listeners import Found, enabled, with_overrides
from event_system.node.machine import Machine
from event_system.node.measuring import Measuring, with_metrics
from event_system.node.selftest import SELF_TEST
from event_system.node.settings import EventSettings
from event_system.node.stores import SECOND_US, Cluster, Stores
from event_system.node.worker_processes import placed, worker_pool
from event_system.scheduling.delayed import DelayedEvents
from event_system.scheduling.schedules import Schedules

LOOK_SECONDS = 1.0
LOOK_REST = 20.0
"""Looking at what other nodes have changed takes a twentieth of the time at most."""
_log = logging.getLogger(__name__)


class Core:
    """One node's events and listeners. `start` before use, `stop` once at the end."""

    def __init__(
        self,
        stores: Stores,
        settings: EventSettings,
        found: Found,
        overrides: Mapping[str, Mapping[str, Any]],
        machine: Machine,
        *,
        counting: bool = True,
    ) -> None:
        """Without `counting` no metrics are counted, and nothing is collected."""
        self.duplicates = 0
        self._counting = counting
        self._machine = machine
        self._loop = asyncio.get_running_loop()
        self._now_us = machine.clock.now_us
        delivers = stores.cluster is None or "worker" in stores.cluster.roles
        self.metrics_manager = MetricsManager(clock=machine.clock)
        self.workers = (
            worker_pool(settings.worker_processes, found, self.metrics_manager)
            if delivers
            else None
        )
        kind = EventMetrics if counting else UncountedEvents
        self.metrics = kind(self.metrics_manager, trace_id)
        self.measuring = Measuring(self.metrics_manager, machine.clock, found.metrics, found.broken)
        mine = with_metrics(found.listeners, self.metrics_manager)
        self._declared = [*placed(mine, self.workers), SELF_TEST]
        listeners = with_overrides(self._declared, overrides)
        self._offers = offers_of(listeners)
        self._differences = Differences(self._offers)
        self.registry = Registry(enabled(listeners, overrides))
        self._stores = stores
        self.log = stores.log
        self.tail = LiveTail(self.log)
        self.cluster = stores.cluster
        stores.told.to = self._committed
        self._lay_delivery(stores, Registry(listeners))
        self._lay_intake(stores, settings)
        self._lay_control(found.broken)
        self._lay_schedules()
        self.further: dict[str, Task] = {}  # what else one node does for all
        self.apply(settings)

    def _lay_delivery(self, stores: Stores, registry: Registry) -> None:
        """What brings events to their listeners, those that are switched off included."""
        clock, loop = self._machine.clock, self._loop
        self.state = stores.state
        self.watch = Watch(loop, clock.monotonic)
        self.delivery = DeliverySettings()
        self.dispatcher = Dispatcher(
            self.log,
            self.state,
            registry,
            self.delivery,
            Tools(
                watch=self.watch,
                loop=loop,
                call_later=self._machine.call_later,
                now_us=clock.now_us,
                observe=self.metrics.observe,
                full=self.metrics.channel_full,
                bind_trace=bind_trace,
                board=stores.board,
                random=lambda: int.from_bytes(self._machine.random_bytes(6)) / 2**48,
            ),
            lanes=self.log.lanes,
        )
        self.sync = SyncRunner(
            self.watch,
            loop,
            observe=self.metrics.observe,
            record=self.dispatcher.record,
            now_us=clock.now_us,
            bind_trace=bind_trace,
        )
        self.removed = Removed(
            *(self.state, self.state.known), lambda: self.dispatcher.routed, self.log.lanes
        )
        self.retention = stores.sweeper(
            DeliveryHolds(self.dispatcher, self.state, self.removed.cursors_elsewhere)
        )
        self._sweeping: asyncio.Task[None] | None = None
        self._writes = False
        self._looking: asyncio.Task[None] | None = None

    def _lay_intake(self, stores: Stores, settings: EventSettings) -> None:
        """What decides whether events may come in, and lets them."""
        clock = self._machine.clock
        self.manager = EventManager(
            self.log,
            self.sync,
            registry=self.registry,
            clock=clock,
            ids=IdFactory(self._machine.random_bytes),
            lanes=self.log.lanes,
            last_received_us=self.log.last_received_us,
        )
        self.backlog = Backlog(self._lags, clock.monotonic, settings.max_backlog)
        self.catalogue = Catalogue(stores.types, clock)
        self.catalogue.watch(lambda: self.manager.use_rules(self.catalogue))

    def _lay_control(self, broken: dict[str, str]) -> None:
        """What operators see of listeners and do with them."""
        clock, now_us, call_later = self._machine.clock, self._now_us, self._machine.call_later
        state, dispatcher = self.state, self.dispatcher
        self.pauses = Pauses(state.pauses, call_later, now_us, dispatcher.hold)
        self.dead_letters = DeadLetters(dispatcher.failure_places, dispatcher.retries.wake, now_us)
        self.control = Control(lambda: self.registry, dispatcher, self.pauses, self.removed)
        self.replays = Replays(dispatcher, state, self.log.history, self.control, now_us)
        self.deliveries = DeliveryView(
            lambda: self.registry,
            dispatcher,
            self.sync,
            DeliverySearch(lambda: self.registry, dispatcher, self.log.history, clock.monotonic),
            broken,
            Away(self.pauses, self.removed),
        )

    def _lay_schedules(self) -> None:
        """What is to happen later."""
        now_us, loop, call_later = self._now_us, self._loop, self._machine.call_later
        fired = self.metrics.fired
        self.delayed = DelayedEvents(
            self.log.delayed,
            self.manager,
            now_us=now_us,
            loop=loop,
            call_later=call_later,
            observe=fired,
        )
        self.schedules = Schedules(
            self.log.schedules,
            self.manager,
            lanes=self.log.lanes,
            now_us=now_us,
            loop=loop,
            call_later=call_later,
            observe=fired,
        )

    @property
    def idle(self) -> bool:
        """Whether all that there is to do is for later, or for events that are to come."""
        if self.dispatcher.busy or self.delayed.busy or self.schedules.busy:
            return False
        return self.next_us is None or self.next_us > self._now_us()

    @property
    def overdue_seconds(self) -> float:
        """By how much a delayed event or a firing of a schedule is late; 0 where none is."""
        due_us = first_of((self.delayed.next_us, self.schedules.next_us))
        return 0.0 if due_us is None else max(0, self._now_us() - due_us) / SECOND_US

    @property
    def next_us(self) -> int | None:
        """When something is due next: an event, a firing, a retry, the end of a pause."""
        parts = (self.delayed, self.schedules, self.dispatcher, self.pauses)
        return first_of(part.next_us for part in parts)

    async def start(self) -> None:
        """Take events from now on; listeners continue where their cursors stand."""
        self.measuring.register()
        if self._counting:
            self.measuring.start()
        if self.workers is not None:
            self.workers.start()
        await self.pauses.start()
        everything = self.dispatcher.everything
        duties = Duties(everything, self.dispatcher.sharing, self.tasks())
        if self.cluster is None:
            await self.dispatcher.start(everything, left=everything)
        else:
            left = duties.may_have_been(self.cluster.ownership.inherited)
            await self.dispatcher.start(NOTHING, left)
        self.log.start()  # which tells the dispatcher of what other nodes store
        self._writes = True
        self.sync.take_places(self.dispatcher.inline_places())
        self.dispatcher.reconfigure(self.registry)  # pauses those that are held or switched off
        loaded = [listener.name for listener in self._declared]
        await self.removed.start(loaded, self.dispatcher.subscriptions)
        if self.cluster is None:
            await self._begin_scheduling()
            await self._begin_sweeping()
            for task in self.further.values():
                await task.begin()
        else:
            await self._look(self.cluster)
            offers = self._offers if "worker" in self.cluster.roles else None
            await self.cluster.ownership.begin(duties.things, offers, duties)
            self._looking = asyncio.create_task(self._look_regularly(self.cluster))

    def tasks(self) -> dict[str, Task]:
        """What one node does for all, by its name."""
        return {
            "scheduling": Task(self._begin_scheduling, self._end_scheduling),
            "retention": Task(self._begin_sweeping, self._end_sweeping),
            **self.further,
        }

    async def _begin_scheduling(self) -> None:
        self.delayed.start()
        self.schedules.start()

    async def _end_scheduling(self) -> None:
        self.delayed.stop()
        self.schedules.stop()
        await self.schedules.drain()
        await self.log.flush()
        await self.delayed.drain()

    async def _begin_sweeping(self) -> None:
        self._sweeping = asyncio.create_task(self.retention.run(), name="retention")

    async def _end_sweeping(self) -> None:
        if self._sweeping is not None:
            await end(self._sweeping)
            self._sweeping = None

    async def _look_regularly(self, cluster: Cluster) -> None:
        while True:
            began = self._machine.clock.monotonic()
            try:
                await self._look(cluster)
            except StorageError as error:
                _log.warning("what other nodes have changed could not be read: %s", error)
            took = self._machine.clock.monotonic() - began
            await asyncio.sleep(max(LOOK_SECONDS, took * LOOK_REST))

    async def _look_around(self, cluster: Cluster, progress: Progress) -> None:
        """Which listeners other nodes work for, and which nobody does."""
        view, mine = cluster.ownership.view, cluster.ownership.membership.id
        if mine not in view.members or (
            "worker" in cluster.roles and not view.members[mine].offers
        ):
            return  # this node has not introduced itself yet
        await self.removed.look(progress, served(view))
        self._differences.look(view, self.removed.unserved)

    async def _look(self, cluster: Cluster) -> None:
        """Take over what other nodes have changed, and look for what is due."""
        elsewhere = cluster.elsewhere
        await self.pauses.look()
        await self.schedules.take_over(elsewhere.schedules)
        self.delayed.take_over(*await elsewhere.waiting())
        if await elsewhere.have_types_changed():
            await self.catalogue.look()
        await elsewhere.failures()
        await self._look_around(cluster, await self.dispatcher.sharing.look())
        self.dispatcher.retries.wake(None, self._now_us())

    async def stop(self, grace_seconds: float) -> None:
        """Write what was accepted, let listeners finish, save the cursors."""
        self.manager.accepting = False
        self.tail.close()
        self.pauses.close()
        await self.measuring.stop()
        if self._looking is not None:
            await end(self._looking)
        if self.cluster is not None:
            await self.cluster.ownership.stop()
        for task in self.further.values():
            await task.end()
        await self._end_sweeping()
        if self._writes:
            await self._end_scheduling()
        try:
            await self.dispatcher.stop(grace_seconds)
        except StorageError as error:
            _log.error(
                "the last cursors could not be saved, listeners will see more again: %s", error
            )
        if self.workers is not None:
            await self.workers.stop()
        self.sync.close()
        self.watch.close()
        await self._stores.close()

    def apply(self, settings: EventSettings) -> None:
        """Take over what can change while the node runs."""
        self.delivery.async_workers = settings.async_workers
        self.delivery.async_channel_size = settings.async_channel_size
        self.delivery.retry = settings.retry.policy()
        self.manager.limits = Limits(settings.max_event_size, settings.max_batch_events)
        self.backlog.limit = settings.max_backlog
        self.catalogue.accept(unknown=settings.unknown_types == "accept")
        self.log.find_duplicates_for(int(settings.dedupe_window.total_seconds() * SECOND_US))
        age, size = settings.retention.max_age, settings.retention.max_size
        age_us = None if age is None else int(age.total_seconds() * SECOND_US)
        self.retention.change(RetentionSettings(age_us, size))

    def reconfigure(self, overrides: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over changed settings of listeners. Raises before anything has changed."""
        registry = Registry(enabled(with_overrides(self._declared, overrides), overrides))
        self.registry = self.manager.registry = registry
        self.sync.forget()
        self.dispatcher.reconfigure(registry)

    def failures(self) -> dict[str, FailureNumbers]:
        """Failed deliveries by listener."""
        counts, now_us = self.dispatcher.failure_counts(), self._now_us()
        totals = self.dispatcher.failure_totals(self.sync.statistics)
        return {
            name: FailureNumbers(
                *totals[name],
                now.retrying,
                now.dead,
                max(0, now_us - (now.oldest_us or now_us)) / SECOND_US,
            )
            for name in totals
            for now in [counts.get(name, Counts())]
        }

    def mark(self, now: float) -> None:
        """Note all listeners' totals for their rates; once a second."""
        self.sync.count()
        subscriptions: Iterable[Any] = self.dispatcher.subscriptions.values()
        for statistics in [*(s.statistics for s in subscriptions), *self.sync.statistics.values()]:
            statistics.mark(now)
        self.dispatcher.replays.mark(now)

    def _lags(self) -> dict[str, int]:
        """Of the async listeners that run."""
        subscriptions = self.dispatcher.subscriptions.items()
        return {name: s.lag() for name, s in subscriptions if not s.paused}

    def _committed(self, commit: Commit, seconds: float) -> None:
        self.dispatcher.route(commit)
        self.backlog.look()
        self.tail.publish(commit)
        self.metrics.committed(commit, seconds)
        self.duplicates += commit.duplicates
