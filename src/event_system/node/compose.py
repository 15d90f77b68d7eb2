"""The composition root: a whole node from its settings.

Read top to bottom: the core, its HTTP servers, its clockwork. `Node.stop` undoes it in
reverse. Nobody imports this but the CLI and tests.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from event_system.events.limiter import Limiter
from event_system.http.admission import Admission
from event_system.http.app import Services, create_app
from event_system.http.connection import Housekeeping, HttpSettings
from event_system.http.health import Health, State
from event_system.http.ingest import Ingest, IngestSettings
from event_system.http.server import HttpServer
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import UnauthorizedError
from event_system.logs.configure import LogHandle
from event_system.metrics.admission import watch_admission
from event_system.metrics.failures import watch_decisions, watch_failures
from event_system.metrics.instruments import Sources
from event_system.metrics.replays import watch_replays
from event_system.metrics.server import metrics_app
from event_system.metrics.system import SystemCollector
from event_system.node.configuration import Loaded
from event_system.node.core import Core, Machine
from event_system.node.handles import HandleWatch, are_exhausted, connections_for
from event_system.node.limits import admission_settings, limits_of
from event_system.node.listeners import find_listeners
from event_system.node.reload import ReloadPlan
from event_system.node.settings import Settings
from event_system.node.stall import StallMonitor
from event_system.node.storage import open_stores
from event_system.node.stores import Stores
from event_system.security.keys import KeyRing
from event_system.version import VERSION

SYSTEM_METRICS_SECONDS = 5.0
MAX_SCRAPERS = 64
ANONYMOUS = "anonymous"
_log = logging.getLogger(__name__)


class Authenticator:
    """Who sends a request, by its API key. Without keys everybody is `anonymous`."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._known: dict[bytes, str] = {}  # headers that were right before; one a key

    def replace(self, keys: KeyRing) -> None:
        """From now on only these keys count."""
        self._keys = keys
        self._known = {}

    def identify(self, headers: Mapping[bytes, bytes]) -> str:
        authorization = headers.get(b"authorization")
        if authorization is not None and (known := self._known.get(authorization)) is not None:
            return known
        return self._look_up(headers, authorization)

    def _look_up(self, headers: Mapping[bytes, bytes], authorization: bytes | None) -> str:
        if not self._keys:
            return ANONYMOUS
        if authorization is not None and authorization[:7].lower() == b"bearer ":
            name = self._keys.identify(authorization[7:])
            if name is not None and authorization[:7] == b"Bearer ":
                self._known[authorization] = name
        else:
            name = self._keys.identify(headers.get(b"x-api-key", b""))
        if name is None:
            raise UnauthorizedError
        return name


class Node:
    """One running process; `open` makes one."""

    @classmethod
    async def open(cls, loaded: Loaded, log_handle: LogHandle) -> Node:
        """Open the stores and build a node on them.

        Raises what their opening raises, and `ListenerDefinitionError`.
        """
        settings = loaded.settings
        directory, clock = Path(settings.data_dir), SystemClock()
        stores = await open_stores(settings.database, directory, settings.event, clock)
        try:
            return cls(loaded, log_handle, stores)
        except BaseException:
            await stores.close()
            raise

    def __init__(self, loaded: Loaded, log_handle: LogHandle, stores: Stores) -> None:
        self.settings = settings = loaded.settings
        self._log_handle = log_handle
        clock = SystemClock()
        machine = Machine(clock, os.urandom, asyncio.get_running_loop().call_later)
        found = find_listeners(
            settings.listeners.modules, use_entry_points=settings.listeners.entry_points
        )
        overrides = _overrides(settings)
        self.core = Core(stores, settings.event, found, overrides, machine)
        self.core.catalogue.declare(loaded.types)
        self._broken = found.broken
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
        self._handles = HandleWatch()
        http, scraped = _http_settings(settings), HttpSettings(max_connections=MAX_SCRAPERS)
        self._house = Housekeeping(http, clock.monotonic)
        self.app = create_app(self._services(clock))
        self.http = HttpServer(self.app, time.time, self._house, self.ingest)
        self.metrics_http = HttpServer(
            metrics_app(self.core.metrics_manager),
            time.time,
            Housekeeping(scraped, clock.monotonic),
        )
        self._system = SystemCollector(self.core.metrics_manager, clock, settings.data_dir)
        self.core.metrics.watch(self._sources())
        watch_failures(self.core.metrics_manager, self.core.failures)
        watch_decisions(
            self.core.metrics_manager,
            requeued=lambda: self.core.dead_letters.requeued,
            discarded=lambda: self.core.dead_letters.discarded,
        )
        stores.watch(self.core.metrics_manager)
        watch_replays(self.core.metrics_manager, self.core.dispatcher.replays.numbers)
        watch_admission(
            self.core.metrics_manager,
            in_flight=lambda: self.admission.in_flight,
            held_bytes=lambda: self.admission.held_bytes,
            connections=lambda: len(self._house.connections),
            turned_away=lambda: self._house.turned_away,
            backlog=lambda: self.core.backlog.largest,
        )
        self._clockwork: list[asyncio.Task[None]] = []
        self._stall: StallMonitor | None = None
        self._clock = clock

    def _services(self, clock: SystemClock) -> Services:
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
            clock=clock,
            new_trace_id=lambda: os.urandom(16).hex(),
            version=VERSION,
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
            requests=lambda: self.ingest.statuses,
            duplicates=lambda: core.duplicates,
            violations=lambda: dict(core.catalogue.tally.violations),
            deprecated=lambda: {(n,): c for n, c in core.catalogue.tally.deprecated.items()},
            waiting=lambda: core.delayed.waiting,
        )

    # Life

    async def start(self) -> None:
        """Listen, and take events. Raises `OSError` where an address cannot be had."""
        settings = self.settings
        await self.core.start()
        await self.http.start(settings.server.host, settings.server.port)
        if settings.metrics.enabled:
            host = settings.metrics.host or settings.server.host
            await self.metrics_http.start(host, settings.metrics.port)
        loop = asyncio.get_running_loop()
        self._stall = StallMonitor(loop, self._clock.monotonic)
        self._every(1.0, self._each_second)
        self._every(SYSTEM_METRICS_SECONDS, lambda: self._system.collect(self._clock.monotonic()))
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

    async def stop(self) -> None:
        """Accept nothing more, finish what is accepted, save, close."""
        grace = self.settings.server.shutdown_grace.total_seconds()
        self.core.tail.close()
        await self.http.stop(grace)
        await self.ingest.drain()
        await self.core.stop(grace)
        await self.metrics_http.stop(1.0)
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
            "metrics": "ok",
            "listeners": "degraded" if self._broken else "ok",
        }
        return Health(components)

    def _database_state(self) -> State:
        tenure = self.core.tenure
        if self.core.log.failure or (tenure is not None and tenure.failure):
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
        self.core.catalogue.declare(loaded.types)
        self.ingest.settings.probe_route = settings.server.probe_route
        self._log_handle.set_level(settings.logging.level)
        self._log_handle.set_format(settings.logging.format)
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
