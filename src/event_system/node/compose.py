"""The composition root: a whole node from its settings.

Read top to bottom: the core, its HTTP servers, its clockwork. `Node.stop` undoes it in
reverse. Nobody imports this but the CLI and tests.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from event_system.events.limiter import Limiter
from event_system.http.admission import Admission
from event_system.http.app import Services, create_app
from event_system.http.asking import Asking
from event_system.http.connection import Housekeeping, HttpSettings, unnoted
from event_system.http.health import Health, State
from event_system.http.ingest import Ingest, IngestSettings
from event_system.http.server import HttpServer
from event_system.http.traffic import Traffic, watched
from event_system.http.without_api import without_api
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import StorageError
from event_system.logs.configure import LogHandle
from event_system.metrics.admission import watch_admission
from event_system.metrics.failures import watch_decisions, watch_failures
from event_system.metrics.instruments import Sources
from event_system.metrics.manager import MetricsManager
from event_system.metrics.queries import watch_queries
from event_system.metrics.replays import watch_replays
from event_system.metrics.server import metrics_app
from event_system.metrics.system import SystemCollector
from event_system.metrics.traffic import ConnectionMetrics, HttpMetrics
from event_system.metrics.workers import watch_workers
from event_system.node.authenticator import Authenticator
from event_system.node.browsers import beacon_intake
from event_system.node.caching import Caching
from event_system.node.cluster_status import ClusterReport
from event_system.node.collecting import Collecting
from event_system.node.configuration import Loaded
from event_system.node.core import Core
from event_system.node.handles import HandleWatch, are_exhausted, connections_for
from event_system.node.limits import admission_settings, limits_of
from event_system.node.listeners import find_listeners
from event_system.node.machine import Machine
from event_system.node.operations import Operations
from event_system.node.relaying import Relaying
from event_system.node.reload import ReloadPlan
from event_system.node.settings import Settings
from event_system.node.sharing import sharing_of
from event_system.node.shipped_types import SHIPPED
from event_system.node.stall import StallMonitor
from event_system.node.storage import open_stores
from event_system.node.stores import Stores
from event_system.node.watching import Watching
from event_system.security.keys import KeyRing
from event_system.version import VERSION

SYSTEM_SECONDS = 5.0
MAX_SCRAPERS = 64
_log = logging.getLogger(__name__)


class Node:
    """One running process; `open` makes one."""

    @classmethod
    async def open(cls, loaded: Loaded, log_handle: LogHandle) -> Node:
        """Open the stores and build a node on them.

        Raises what their opening raises, and `ListenerDefinitionError`.
        """
        settings = loaded.settings
        directory, clock = Path(settings.data_dir), SystemClock()
        stores = await open_stores(
            *(settings.database, settings.backbone, directory, settings.event, settings.node),
            clock,
            alerting=True,
        )
        async with AsyncExitStack() as opened:
            opened.push_async_callback(stores.close)
            node = cls(loaded, log_handle, stores)
            if "ops" in settings.node.roles:
                node.operations = Operations.open(loaded, node.core, stores, node.watching)
                opened.push_async_callback(node.operations.close)
            opened.pop_all()
        return node

    def __init__(self, loaded: Loaded, log_handle: LogHandle, stores: Stores) -> None:
        self.settings = settings = loaded.settings
        self._log_handle = log_handle
        self._clock = clock = stores.clock
        machine = Machine(clock, os.urandom, asyncio.get_running_loop().call_later)
        self.sharing = sharing_of(settings.redis)
        self.caching = Caching(settings.cache, clock, os.urandom, self.sharing)
        found = self.caching.given_to(
            find_listeners(
                settings.listeners.modules, use_entry_points=settings.listeners.entry_points
            )
        )
        overrides, counting = _overrides(settings), settings.metrics.enabled
        self.core = Core(stores, settings.event, found, overrides, machine, counting=counting)
        self.core.catalogue.declare([*SHIPPED, *loaded.types])
        self._broken, self._warm_ups = found.broken, found.warm_ups
        self._modules = found.modules
        self.authenticator = Authenticator(KeyRing(settings.security.entries()))
        server = settings.server
        self.limiter = Limiter(clock.monotonic)
        self.limiter.configure(limits_of(settings.limits))
        self.admission = Admission(admission_settings(server), self.limiter, self.core.backlog)
        self.core.catalogue.watch(lambda: self.admission.use_types(self.core.catalogue.rates()))
        self.ingest = Ingest(
            self.core.manager,
            self.authenticator.identify,
            IngestSettings(server.probe_route, server.max_body_size),
            self.admission,
            refused=self.core.metrics.refused,
            delayed=self.core.delayed,
        )
        if self.sharing is not None and settings.limits.shared:
            self.ingest.asking = Asking(self.admission, self.sharing.limits)
        self._handles = HandleWatch()
        http, scraped = _http_settings(settings), HttpSettings(max_connections=MAX_SCRAPERS)
        self.traffic = Traffic(clock.monotonic)
        note = self.traffic.note if counting else unnoted
        self._house = Housekeeping(http, clock.monotonic, note=note)
        self.watching = Watching(settings, loaded.rules, self.core.metrics_manager, clock)
        self.app = create_app(self._services())
        has_api = "api" in settings.node.roles
        self.relaying = Relaying(
            self.core, self.authenticator.identify, lambda: self.operations, clock
        )
        app = self.relaying.around(self.app if has_api else without_api(self.app), self.app)
        served = watched(app, self.traffic) if counting else app
        self.http = HttpServer(served, time.time, self._house, self.ingest if has_api else None)
        self.metrics_http = HttpServer(
            metrics_app(self.core.metrics_manager),
            time.time,
            Housekeeping(scraped, clock.monotonic),
        )
        self._system = SystemCollector(self.core.metrics_manager, clock, settings.data_dir)
        self._watch(stores)
        self.collecting = Collecting(settings, self.core.metrics_manager, clock.monotonic)
        self.collecting.join(self.core.measuring.collector)
        self.operations: Operations | None = None
        self._clockwork: list[asyncio.Task[None]] = []
        self._stall: StallMonitor | None = None

    def _watch(self, stores: Stores) -> None:
        """Let the metrics know where to look."""
        core = self.core
        manager = core.metrics_manager
        core.metrics.watch(self._sources())
        watch_failures(manager, core.failures)
        watch_decisions(
            manager,
            requeued=lambda: core.dead_letters.requeued,
            discarded=lambda: core.dead_letters.discarded,
        )
        stores.watch(manager)
        metrics = core.metrics
        watch_queries(
            manager,
            stores.tally,
            metrics.commits.seconds,
            lambda: metrics.refusals(StorageError.code),
        )
        self.caching.watch(manager)
        if (workers := core.workers) is not None:
            watch_workers(
                manager,
                running=lambda: workers.running,
                restarts=lambda: workers.restarts,
                in_flight=lambda: workers.in_flight,
            )
        if self.sharing is not None:
            self.sharing.watch(manager)
        watch_replays(manager, core.dispatcher.replays.numbers)
        watch_admission(
            manager,
            in_flight=lambda: self.admission.in_flight,
            held_bytes=lambda: self.admission.held_bytes,
            connections=lambda: len(self._house.connections),
            turned_away=lambda: self._house.turned_away,
            backlog=lambda: core.backlog.largest,
        )
        manager.register_gauge_function(
            "plugins_installed_total",
            "Modules and packages whose listeners the node has loaded.",
            lambda: len(self._modules),
        )
        self._watch_http(manager)

    def _watch_http(self, manager: MetricsManager) -> None:
        house, traffic = self._house, self.traffic
        self._http_metrics = HttpMetrics(
            manager,
            take=traffic.take,
            in_flight=lambda: self.admission.in_flight + traffic.in_flight,
            calls=lambda: sum(
                n for (route, _), n in self._requests().items() if route[:5] == "/api/"
            ),
        )
        self._connections = ConnectionMetrics(
            manager,
            number=lambda: len(house.connections),
            opened=lambda: house.accepted,
            errors=lambda: {"refused": house.turned_away, "ended": house.ended, "lost": house.lost},
        )

    def _services(self) -> Services:
        core = self.core
        return Services(
            intake=self.ingest,
            manager=core.manager,
            history=core.log.history,
            log=core.log,
            deliveries=core.deliveries,
            control=core.control,
            dead_letters=core.dead_letters,
            replays=core.replays,
            delayed=core.delayed,
            schedules=core.schedules,
            tail=core.tail,
            health=self.health,
            identify=self.authenticator.identify,
            catalogue=core.catalogue,
            cache=self.caching.cache,
            cluster=ClusterReport(
                core, self.settings.node, self._clock, self._clock.now_us()
            ).status,
            clock=self._clock,
            new_trace_id=lambda: os.urandom(16).hex(),
            version=VERSION,
            remote_write=self.watching.remote_write,
            monitoring=self.watching.view,
            alerting=lambda: None if self.operations is None else self.operations.api,
            on_call=lambda: None if self.operations is None else self.operations.on_call,
            feed_key=lambda: self.settings.on_call.feed_key,
            incidents=lambda: None if self.operations is None else self.operations.incident_manager,
            rum=beacon_intake(self.settings.rum, core.metrics_manager, self._clock.monotonic),
        )

    def _sources(self) -> Sources:
        """Where the metrics look at each scrape."""
        core = self.core
        return Sources(
            queued=lambda: core.dispatcher.queued,
            full_lanes=lambda: core.dispatcher.full_lanes,
            lags=lambda: {name: s.lag() for name, s in core.dispatcher.subscriptions.items()},
            head=lambda: core.log.head,
            streams=lambda: core.tail.streams,
            requests=self._requests,
            duplicates=lambda: core.duplicates,
            violations=lambda: dict(core.catalogue.tally.violations),
            deprecated=lambda: {(n,): c for n, c in core.catalogue.tally.deprecated.items()},
            waiting=lambda: core.delayed.waiting,
            overdue=lambda: core.overdue_seconds,
        )

    def _requests(self) -> dict[tuple[str, int], int]:
        """Answered requests of all routes, by route and status."""
        found = self.traffic.statuses.copy()
        for (path, status), number in self.ingest.statuses.items():
            found[path.decode("latin-1"), status] += number
        return found

    # Life

    async def start(self) -> None:
        """Listen, and take events. Raises `OSError` where an address cannot be had.

        What is wrong with the time series is raised too, once the node listens.
        """
        settings = self.settings
        if self.sharing is not None:
            await self.sharing.start()
        await self.caching.start()
        await self.caching.warm_up(self._warm_ups)
        await self.core.start()
        await self.http.start(settings.server.host, settings.server.port)
        if settings.metrics.enabled:
            host = settings.metrics.host or settings.server.host
            await self.metrics_http.start(host, settings.metrics.port)
            self._every(SYSTEM_SECONDS, lambda: self._system.collect(self._clock.monotonic()))
        loop = asyncio.get_running_loop()
        self._stall = StallMonitor(loop, self._clock.monotonic)
        self._every(1.0, self._each_second)
        await self.watching.open()
        self._clockwork.append(loop.create_task(self.app.warm(), name="warm"))

    def _every(self, seconds: float, work: Callable[[], Any]) -> None:
        async def run() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    work()
                except Exception as error:  # noqa: BLE001 - the next round tries again
                    if are_exhausted(error):  # which the watch says
                        continue
                    _log.error("a periodic task failed: %s", error, exc_info=error)

        self._clockwork.append(asyncio.get_running_loop().create_task(run()))

    def _each_second(self) -> None:
        self._handles.look()
        self.http.tick()
        self.metrics_http.tick()
        now = self._clock.monotonic()
        self.core.mark(now)
        self.core.metrics.refresh(now)
        self._http_metrics.refresh()
        self._connections.refresh(now)

    async def stop(self) -> None:
        """Accept nothing more, finish what is accepted, save, close."""
        grace = self.settings.server.shutdown_grace.total_seconds()
        self.core.tail.close()
        await self.http.stop(grace)
        await self.ingest.drain()
        await self.core.stop(grace)
        if self.operations is not None:
            await self.operations.close()
        await self.relaying.close()
        await self.caching.close()
        if self.sharing is not None:
            await self.sharing.close()
        await self.metrics_http.stop(1.0)
        await self.collecting.close()
        await self.watching.close()
        for task in self._clockwork:
            task.cancel()
        self._system.close()
        if self._stall is not None:
            self._stall.close()

    # Operation

    def health(self) -> Health:
        """The components of S2's health answer, and the listeners."""
        components: dict[str, State] = {
            "event_manager": "ok" if self.core.manager.accepting else "down",
            "database": self._database_state(),
            "metrics": "degraded" if self.watching.failure else "ok",
            "listeners": "degraded" if self._broken else "ok",
        }
        if self.core.workers is not None:
            components["workers"] = "degraded" if self.core.workers.troubled else "ok"
        if self.sharing is not None:
            components["redis"] = "ok" if self.sharing.is_up() else "degraded"
        if (cluster := self.core.cluster) is not None:
            components["clock"] = "degraded" if cluster.clock.is_off else "ok"
        return Health.of(components, {} if self.operations is None else self.operations.troubles())

    def _database_state(self) -> State:
        cluster = self.core.cluster
        if self.core.log.failure or (cluster is not None and cluster.ownership.failure):
            return "down"
        return "degraded" if self.core.log.harm else "ok"

    def apply(self, plan: ReloadPlan, loaded: Loaded) -> None:
        """Take over what can change live; all that can fail happens first."""
        settings = loaded.settings
        keys = KeyRing(settings.security.entries())
        self.core.reconfigure(_overrides(settings))
        self.authenticator.replace(keys)
        self.core.apply(settings.event)
        self.limiter.configure(limits_of(settings.limits))
        self.admission.configure(admission_settings(settings.server))
        self.core.catalogue.declare([*SHIPPED, *loaded.types])
        self.ingest.settings.probe_route = settings.server.probe_route
        self.watching.apply(settings, loaded.rules)
        self._log_handle.set_level(settings.logging.level)
        self._log_handle.set_format(settings.logging.format)
        if self.operations is not None:
            self.operations.apply(loaded)
        if self.core.workers is not None:
            self.core.workers.set_level(logging.getLogger().level)
        self.settings = settings


def _overrides(settings: Settings) -> dict[str, dict[str, Any]]:
    return {name: override.changes() for name, override in settings.listeners.overrides.items()}


def _http_settings(settings: Settings) -> HttpSettings:
    server = settings.server
    return HttpSettings(
        header_timeout=server.header_timeout.total_seconds(),
        body_timeout=server.body_timeout.total_seconds(),
        keep_alive=server.keep_alive.total_seconds(),
        max_body_size=server.max_body_size,
        max_connections=connections_for(server.max_connections),
    )
