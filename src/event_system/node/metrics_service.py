"""Metrics without a node: those of the machine, and what modules declare, on a port of their own."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import uvloop

from event_system.http.connection import Housekeeping, HttpSettings
from event_system.http.server import HttpServer
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import AddressInUseError, ServiceError
from event_system.kernel.tasks import end
from event_system.metrics.manager import MetricsManager
from event_system.metrics.server import metrics_app
from event_system.metrics.system import SystemCollector
from event_system.node.collecting import Collecting
from event_system.node.listeners import find_listeners
from event_system.node.measuring import Measuring
from event_system.node.settings import Settings

MAX_SCRAPERS: Final = 64
SHORTEST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 86_400.0
_ADDRESS = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an empty host is every address of the machine."""

    host: str
    port: int

    def url(self, port: int) -> str:
        """Where to look, as seen from this machine."""
        host = self.host or "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"


def parse_address(text: str) -> Address:
    """`:9100`, `127.0.0.1:9100`, `[::1]:9100`. Raises `ServiceError`."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65_535:
        raise ServiceError(f"{text!r} is no address: it is like :9100 or 127.0.0.1:9100")
    return Address(match["six"] or match["host"] or "", int(match["port"]))


@dataclass(frozen=True, slots=True)
class Service:
    """What to serve. `modules` are listeners' modules: only their metrics count here."""

    address: Address
    interval_seconds: float
    modules: Sequence[str] = ()
    settings: Settings | None = None
    """With them the servers of `metrics.collectors`, the database and Redis are read, too."""

    def checked(self) -> Service:
        """The same, or `ServiceError`."""
        if not SHORTEST_SECONDS <= self.interval_seconds <= LONGEST_SECONDS:
            raise ServiceError(f"the interval is from {SHORTEST_SECONDS} s to one day")
        return self


def run_service(service: Service, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is told the address once it listens.

    Raises `AddressInUseError`.
    """
    uvloop.run(_run(service.checked(), announce))


async def _run(service: Service, announce: Callable[[str], None]) -> None:
    stop, loop, clock = asyncio.Event(), asyncio.get_running_loop(), SystemClock()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    manager = MetricsManager(clock=clock)
    house = Housekeeping(HttpSettings(max_connections=MAX_SCRAPERS), clock.monotonic)
    server = HttpServer(metrics_app(manager), time.time, house)
    system = SystemCollector(manager, clock)
    found = find_listeners(service.modules, use_entry_points=False)
    measuring = Measuring(manager, clock, found.metrics, found.broken)
    await _listen(server, service.address)
    ticking = asyncio.create_task(_tick(server))
    measuring.collector.add_collector(
        _of_machine(system, clock), name="system", interval_seconds=service.interval_seconds
    )
    measuring.register()
    measuring.start()
    around = None
    if service.settings is not None:
        around = Collecting(service.settings, manager, clock.monotonic)
        around.join(measuring.collector)
    announce(service.address.url(server.port))
    await stop.wait()
    await measuring.stop()
    if around is not None:
        await around.close()
    await end(ticking)
    await server.stop(1.0)
    system.close()


def _of_machine(system: SystemCollector, clock: SystemClock) -> Callable[[MetricsManager], object]:
    async def collect(_manager: MetricsManager) -> None:
        system.collect(clock.monotonic())

    return collect


async def _listen(server: HttpServer, address: Address) -> None:
    try:
        await server.start(address.host, address.port)
    except OSError as error:
        raise AddressInUseError(f"{error.strerror or error}") from error


async def _tick(server: HttpServer) -> None:
    while True:
        await asyncio.sleep(1)
        server.tick()
