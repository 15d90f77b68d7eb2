"""The HTTP application over fakes in memory, behind a real server on a free port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from event_system.cache.cache import Cache, CacheOptions, Chance
from event_system.delivery.backlog import Backlog
from event_system.delivery.dead_letters import DeadLetters
from event_system.delivery.sync import SyncRunner
from event_system.delivery.watch import Watch
from event_system.events.catalogue.catalogue import Catalogue
from event_system.events.event import Event
from event_system.events.limiter import Limiter
from event_system.events.listener import Listener
from event_system.events.manager import EventManager
from event_system.events.ports import (
    Delivery,
    DeliveryFilter,
    Filter,
    ListenerStatus,
    Page,
)
from event_system.events.registry import Registry
from event_system.http.admission import Admission, AdmissionSettings
from event_system.http.app import Services, create_app
from event_system.http.cluster_views import ClusterStatus
from event_system.http.connection import Housekeeping, HttpSettings
from event_system.http.health import Health
from event_system.http.ingest import Ingest, IngestSettings
from event_system.http.openapi.cluster_example import CLUSTER
from event_system.http.prometheus.monitoring import Monitoring
from event_system.http.server import HttpServer
from event_system.http.tail import LiveTail
from event_system.incidents.manager import IncidentManager
from event_system.kernel.clock import Clock, SystemClock, rfc3339
from event_system.kernel.errors import (
    ListenerLoadedError,
    ListenerNotFoundError,
    SyncListenerError,
    UnauthorizedError,
)
from event_system.kernel.ids import IdFactory
from event_system.oncall.roster import OnCall
from event_system.rum.intake import BeaconIntake
from event_system.scheduling.delayed import DelayedEvents
from event_system.scheduling.schedules import Schedules
from tests.support.memory_catalogue import MemoryCatalogue
from tests.support.memory_delayed import MemoryDelayedStore
from tests.support.memory_history import MemoryHistory
from tests.support.memory_log import MemoryLog
from tests.support.memory_replays import MemoryReplays
from tests.support.memory_retries import MemoryFailures
from tests.support.memory_schedules import MemoryScheduleStore
from tests.support.rows import LANES
from tests.support.waiting import PATIENCE_SECONDS

TRACE_ID = "5" * 32


@dataclass
class MemoryDeliveries:
    """Implements `Deliveries` with what a test puts into it."""

    statuses: list[ListenerStatus] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    pending: bool = False
    asked: list[tuple[Filter, DeliveryFilter, int, bool, int | None]] = field(default_factory=list)
    found: Page = field(default_factory=lambda: Page([], None))

    def listeners(self) -> list[ListenerStatus]:
        return self.statuses

    async def of(self, event: Event) -> list[Delivery]:
        return self.deliveries

    async def find(
        self,
        query: Filter,
        wanted: DeliveryFilter,
        *,
        limit: int,
        newest_first: bool,
        cursor: int | None,
    ) -> Page:
        self.asked.append((query, wanted, limit, newest_first, cursor))
        return self.found

    async def settled(self, event: Event, timeout: float) -> bool:
        return not self.pending


def listener_status(name: str, **changes: Any) -> ListenerStatus:
    """An async listener's status."""
    plain: dict[str, Any] = {"patterns": ("player.*",), "mode": "async", "state": "running"}
    unset: dict[str, Any] = {"priority": 0, "filter": None, "timeout": 30.0, "batch": 0}
    return ListenerStatus(name=name, **{**plain, **unset, **changes})


class MemoryControl:
    """Implements `ListenerControl` on the statuses of `MemoryDeliveries`."""

    def __init__(self, deliveries: MemoryDeliveries) -> None:
        self._deliveries = deliveries

    async def pause(self, name: str, until_us: int) -> None:
        self._replace(name, state="paused", paused_until=rfc3339(until_us))

    async def resume(self, name: str) -> None:
        self._replace(name, state="running", paused_until=None)

    async def purge(self, name: str) -> None:
        kept = [status for status in self._deliveries.statuses if status.name != name]
        if any(s.name == name and s.state != "removed" for s in self._deliveries.statuses):
            raise ListenerLoadedError(f"{name!r} is loaded", where=name)
        self._deliveries.statuses = kept

    def _replace(self, name: str, **changes: object) -> None:
        for at, status in enumerate(self._deliveries.statuses):
            if status.name == name and status.mode == "sync":
                raise SyncListenerError(f"{name!r} is a sync one", where=name)
            if status.name == name:
                self._deliveries.statuses[at] = msgspec.structs.replace(status, **changes)
                return
        raise ListenerNotFoundError(f"no listener is called {name!r}", where=name)


class Site:
    """Everything of a test's site. `keys` maps API keys to names; none lets everybody in.

    `fast` puts the node's own protocol in front, which answers the hot routes before the
    application sees them.
    """

    def __init__(
        self,
        listeners: Iterable[Listener] = (),
        *,
        heartbeat: float = 15.0,
        fast: bool = False,
        rum: BeaconIntake | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.rum = rum
        clock = clock or SystemClock()
        self.clock = clock
        self.log = MemoryLog()
        self.history = MemoryHistory(self.log)
        self.deliveries = MemoryDeliveries()
        self.control = MemoryControl(self.deliveries)
        self.failures = MemoryFailures()
        self.replays = MemoryReplays(self.deliveries.listeners)
        self.keys: dict[bytes, str] = {}
        self.monitoring: Monitoring | None = None
        self.incidents: IncidentManager | None = None
        self.on_call: OnCall | None = None
        self.feed_key: str | None = None
        self.cluster = msgspec.convert(CLUSTER, ClusterStatus)
        self.health = Health({"event_manager": "ok", "database": "ok", "metrics": "ok"})
        self.tail = LiveTail(self.log, heartbeat_seconds=heartbeat)
        self.log.on_commit = self.tail.publish
        self.watch = Watch(asyncio.get_running_loop(), clock.monotonic)
        self.sync = SyncRunner(
            self.watch,
            asyncio.get_running_loop(),
            observe=lambda observed: None,
            record=lambda failure: None,
            now_us=clock.now_us,
            bind_trace=lambda traceparent: None,
        )
        self.manager = EventManager(
            self.log,
            self.sync,
            registry=Registry(listeners),
            clock=clock,
            ids=IdFactory(bytes),
            lanes=LANES,
            last_received_us=0,
        )
        self.catalogue = Catalogue(MemoryCatalogue(), clock)
        self.catalogue.watch(lambda: self.manager.use_rules(self.catalogue))
        self.refused: list[str] = []
        self._lay_schedules()
        self.cache = Cache(CacheOptions(), Chance(clock, bytes))
        self.lags: dict[str, int] = {}
        self.ahead = 0.0  # seconds that limits see the clock ahead
        self.limiter = Limiter(lambda: clock.monotonic() + self.ahead)
        self.backlog = Backlog(lambda: self.lags, lambda: clock.monotonic() + self.ahead, 100)
        self.admission = Admission(AdmissionSettings(), self.limiter, self.backlog)
        self.catalogue.watch(lambda: self.admission.use_types(self.catalogue.rates()))
        self.ingest = Ingest(
            self.manager,
            self.identify,
            IngestSettings(),
            self.admission,
            self.refused.append,
            self.delayed,
        )
        self.app = create_app(self._services())
        house = Housekeeping(HttpSettings(), clock.monotonic)
        self.server = HttpServer(self.app, time.time, house, self.ingest if fast else None)

    def _lay_schedules(self) -> None:
        """What is to happen later."""
        loop, now_us = asyncio.get_running_loop(), self.clock.now_us
        self.delayed_store = MemoryDelayedStore(self.log)
        self.delayed = DelayedEvents(
            self.delayed_store,
            self.manager,
            now_us=now_us,
            loop=loop,
            call_later=loop.call_later,
            observe=lambda delays: None,
        )
        self.schedules = Schedules(
            MemoryScheduleStore(self.log),
            self.manager,
            lanes=LANES,
            now_us=now_us,
            loop=loop,
            call_later=loop.call_later,
            observe=lambda delays: None,
        )

    def _services(self) -> Services:
        return Services(
            intake=self.ingest,
            manager=self.manager,
            history=self.history,
            log=self.log,
            deliveries=self.deliveries,
            control=self.control,
            dead_letters=DeadLetters(
                lambda listener: [self.failures], self.failures.wake, self.clock.now_us
            ),
            replays=self.replays,
            delayed=self.delayed,
            schedules=self.schedules,
            tail=self.tail,
            health=lambda: self.health,
            identify=self.identify,
            catalogue=self.catalogue,
            cache=self.cache,
            cluster=self._cluster,
            clock=self.clock,
            new_trace_id=lambda: TRACE_ID,
            version="0.1.0",
            monitoring=lambda: self.monitoring,
            incidents=lambda: self.incidents,
            rum=self.rum,
            on_call=lambda: self.on_call,
            feed_key=lambda: self.feed_key,
        )

    async def _cluster(self) -> ClusterStatus:
        return self.cluster

    def identify(self, headers: Mapping[bytes, bytes]) -> str:
        if not self.keys:
            return "anonymous"
        name = self.keys.get(headers.get(b"authorization", b"").removeprefix(b"Bearer "))
        if name is None:
            raise UnauthorizedError
        return name

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def client(self, **options: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_SECONDS, **options)  # type: ignore[arg-type]

    async def trigger(self, type_: str = "player.login", **members: object) -> int:
        """Trigger an event; its offset."""
        async with self.client() as client:
            answer = await client.post("/api/events/trigger", json={"type": type_, **members})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["offset"])


@asynccontextmanager
async def serving(site: Site, port: int = 0) -> AsyncIterator[Site]:
    """The site on a port of this machine; 0 is a free one."""
    await site.app.warm()
    await site.server.start("127.0.0.1", port)
    try:
        yield site
    finally:
        site.tail.close()
        await site.server.stop(2.0)
        site.sync.close()
        site.watch.close()
