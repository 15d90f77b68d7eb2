"""The HTTP application: everything but the hot routes' fast way.

`create_app` returns at once. The web framework is loaded by `Application.warm` (in a thread,
so that the node takes events meanwhile) or by the first request, whichever comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias, cast
from urllib.parse import unquote_to_bytes

from event_system.cache.cache import Cache
from event_system.delivery.dead_letters import DeadLetters
from event_system.delivery.replays.replay import Mode, ReplayStatus
from event_system.events.catalogue.catalogue import Catalogue
from event_system.events.manager import EventManager
from event_system.events.ports import Deliveries, EventLog, History, ListenerControl
from event_system.http.alertmanager.services import ApiServices
from event_system.http.answer import Answer
from event_system.http.cluster_views import ClusterStatus
from event_system.http.compression import compressing
from event_system.http.export import Exports
from event_system.http.health import Health
from event_system.http.ingest import Route
from event_system.http.problems import MEDIA_TYPE, problem_body, problem_headers
from event_system.http.reading import Headers
from event_system.http.tail import LiveTail
from event_system.incidents.manager import IncidentManager
from event_system.kernel.clock import Clock
from event_system.kernel.errors import EventSystemError, UnavailableError
from event_system.kernel.threads import in_thread
from event_system.logs.context import bind_trace
from event_system.oncall.roster import OnCall
from event_system.rum.intake import BeaconIntake
from event_system.scheduling.delayed import DelayedEvents
from event_system.scheduling.schedules import Schedules

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Intake(Protocol):
    """Answers the routes that take events in; the same for every way a request comes."""

    async def answer(self, route: Route, query: bytes, headers: Headers, body: bytes) -> Answer:
        """The whole answer, key check included. Header names are in lower case."""

    def body_limit(self, route: Route) -> int:
        """Bytes that a request of this route may have."""


class ReplayControl(Protocol):
    """What operators do with replays; see `delivery.replays.replays.Replays`."""

    async def start(
        self,
        listener: str,
        from_: int | datetime,
        until: int | datetime | None,
        *,
        mode: Mode,
        rate: float | None,
    ) -> ReplayStatus:
        """Begin one. Raises `ReplayRunningError`, and as `ListenerControl.pause`."""

    async def list(self, listener: str) -> list[ReplayStatus]:
        """Those of a listener, the newest first."""

    async def get(self, listener: str, id_: int) -> ReplayStatus:
        """One of them. Raises `ReplayNotFoundError`."""

    async def cancel(self, listener: str, id_: int) -> ReplayStatus:
        """End one. Raises `ReplayNotFoundError` and `ListenerNotFoundError`."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the application needs of the node.

    `identify` gives the sender's name by the request's headers (lower case), and raises
    `UnauthorizedError` where keys are configured and none matches. `new_trace_id` makes 32 hex
    digits for a request that failed unexpectedly and brought no trace. `monitoring` gives a
    `prometheus.monitoring.Monitoring`, with which the query engine is loaded, and None on a node
    that keeps no time series; `incidents`, `alerting` and `on_call` None on one that looks after
    none. `feed_key` is what the addresses of calendar feeds are made from.
    """

    intake: Intake
    manager: EventManager
    history: History
    log: EventLog
    deliveries: Deliveries
    control: ListenerControl
    dead_letters: DeadLetters
    replays: ReplayControl
    delayed: DelayedEvents
    schedules: Schedules
    tail: LiveTail
    health: Callable[[], Health]
    identify: Callable[[Mapping[bytes, bytes]], str]
    catalogue: Catalogue
    cache: Cache
    cluster: Callable[[], Awaitable[ClusterStatus]]
    clock: Clock
    new_trace_id: Callable[[], str]
    version: str
    rum: BeaconIntake | None = None
    exports: Exports = field(default_factory=Exports)
    monitoring: Callable[[], object | None] = lambda: None
    incidents: Callable[[], IncidentManager | None] = lambda: None
    alerting: Callable[[], ApiServices | None] = lambda: None
    on_call: Callable[[], OnCall | None] = lambda: None
    feed_key: Callable[[], str | None] = lambda: None
    remote_write: Callable[[], Callable[[bytes], Awaitable[None]] | None] = lambda: None


class Application:
    """The ASGI application, built when it is first needed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app: AsgiApp | None = None
        self._building: asyncio.Task[AsgiApp] | None = None

    async def warm(self) -> None:
        """Load and build the application in a thread; harmless to call again."""
        if self._app is None:
            if self._building is None:
                building = in_thread(_build, self._services)
                self._building = asyncio.get_running_loop().create_task(building)
            task = self._building
            try:
                self._app = await asyncio.shield(task)
            finally:
                if task.done():
                    self._building = None  # one that failed is tried again

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if self._app is None:
            try:
                await self.warm()
            except OSError as error:
                await tell(send, UnavailableError(f"no API yet: {error.strerror}"))
                return
        assert self._app is not None  # `warm` raises where it cannot build
        given = scope
        if b"%2" in scope.get("raw_path", b""):
            scope = {**scope, "path": _with_slashes_kept(scope["raw_path"])}
        trace = dict(scope["headers"]).get(b"traceparent")
        bind_trace(None if trace is None else trace.decode("latin-1"))  # this request's task ends
        if scope["method"] == "HEAD":  # as GET; the server sends no body for its own scope
            scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, receive, send)
        finally:  # who counts requests by their routes looks there
            given["path_template"] = scope.get("path_template", "")


def create_app(services: Services) -> Application:
    """The application over a node's services."""
    return Application(services)


def _build(services: Services) -> AsgiApp:
    from event_system.http.routing import build  # loads the web framework: half a second

    return compressing(cast("AsgiApp", build(services)))


async def tell(send: Send, error: EventSystemError) -> None:
    """Answer with a problem."""
    headers = [
        (name.encode(), value.encode()) for name, value in problem_headers(error.status).items()
    ]
    headers.append((b"content-type", MEDIA_TYPE.encode()))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": problem_body(error)})


def _with_slashes_kept(raw_path: bytes) -> str:
    """The decoded path in which an encoded slash stays one, so that it parts no segments."""
    kept = raw_path.replace(b"%2f", b"%252F").replace(b"%2F", b"%252F")
    return unquote_to_bytes(kept).decode("utf-8", "replace")


async def _live(receive: Receive, send: Send) -> None:
    """The lifespan protocol: nothing to set up here, the node does that."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
