"""Alerting as a process of its own: from the files and options of Alertmanager to its end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import uvloop

from event_system.alerting.configuration import Configuration
from event_system.alerting.deliveries import Deliveries
from event_system.alerting.manager import AlertManager, Options
from event_system.alerting.sending import Sender
from event_system.alerting.storing import RecordedAlerting
from event_system.database.sqlite.records import SqliteRecords
from event_system.eventlog.sqlite.log import lock_directory
from event_system.http.alertmanager.app import build
from event_system.http.alertmanager.services import ApiServices, Status
from event_system.http.connection import Housekeeping, HttpSettings
from event_system.http.server import HttpServer
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import (
    AddressInUseError,
    EventSystemError,
)
from event_system.kernel.threads import in_thread
from event_system.logs.configure import configure_logging
from event_system.node.alerting_file import new_id, read_alerting
from event_system.node.garbage import spare_the_collector
from event_system.version import VERSION, build_time

GRACE_SECONDS: Final = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AlertmanagerOptions:
    """What the command line says. `external_url` of "" is made of the machine's name."""

    config_file: Path
    storage: Path
    host: str
    port: int
    external_url: str
    prefix: str
    retention_us: int
    keep_promise: bool
    clustered: bool
    log_level: str


class Alertmanager:
    """The process. `port` is the real one once started."""

    def __init__(self, options: AlertmanagerOptions, configuration: Configuration) -> None:
        self._options = options
        self._clock = clock = SystemClock()
        self._stack = AsyncExitStack()
        options.storage.mkdir(parents=True, exist_ok=True)
        self._stack.callback(lock_directory(options.storage).close)
        records = SqliteRecords(options.storage)
        self._stack.push_async_callback(records.close)
        url = options.external_url or f"http://{socket.gethostname()}:{options.port}"
        behaviour = Options(url, options.keep_promise, options.retention_us)
        self._deliveries = Deliveries(records, clock.now_us)
        sender = Sender(clock.monotonic, os.urandom, self._deliveries)
        self.manager = AlertManager(
            configuration, RecordedAlerting(records), sender, clock, new_id, behaviour
        )
        app = build(ApiServices(self.manager, self._status()), self.reload, options.prefix)
        house = Housekeeping(HttpSettings(max_body_size=64 * 1024 * 1024), clock.monotonic)
        self._http = HttpServer(app, time.time, house)

    @property
    def port(self) -> int:
        return self._http.port

    def _status(self) -> Status:
        options = self._options
        peer = (socket.gethostname(), f"{options.host}:{options.port}")
        return Status(
            version=VERSION,
            revision="",
            build_time=build_time(),
            started_us=self._clock.now_us(),
            peer=peer if options.clustered else None,
        )

    async def start(self) -> None:
        """Raises `AddressInUseError` and `StorageError`."""
        await self._deliveries.start()
        self._stack.push_async_callback(self._deliveries.stop)
        await self.manager.start()
        self._stack.push_async_callback(self.manager.stop)
        try:
            await self._http.start(self._options.host, self._options.port)
        except OSError as error:
            raise AddressInUseError(f"{error.strerror or error}") from error
        self._stack.push_async_callback(self._http.stop, GRACE_SECONDS)
        ticking = asyncio.get_running_loop().create_task(self._tick())
        self._stack.callback(ticking.cancel)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._http.tick()

    async def reload(self) -> None:
        """Read the file again; with a fault in it everything stays as it was, and is told."""
        try:
            path = self._options.config_file
            configuration = await in_thread(read_alerting, path, self._clock)
        except EventSystemError as error:
            self.manager.reloads.succeeded = False
            _log.error("the configuration is not taken over: %s", error.detail)
            raise
        await self.manager.reload(configuration)
        _log.info("the configuration is taken over")

    async def stop(self) -> None:
        await self._stack.aclose()


def run_alertmanager(
    options: AlertmanagerOptions, announce: Callable[[Alertmanager], None]
) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. Raises `EventSystemError`."""
    configuration = read_alerting(options.config_file, SystemClock())
    instance = f"{socket.gethostname()}-{os.getpid()}"
    handle = configure_logging(options.log_level, "auto", None, instance=instance)
    try:
        uvloop.run(_run(options, configuration, announce))
    finally:
        handle.close()


async def _run(
    options: AlertmanagerOptions,
    configuration: Configuration,
    announce: Callable[[Alertmanager], None],
) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = Alertmanager(options, configuration)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_quietly(process.reload))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await process.start()
        announce(process)
        spare_the_collector()
        await stop.wait()
    finally:
        await process.stop()


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    """What fails has been logged."""
    try:
        await work()
    except EventSystemError:
        return


def prefix_of(external_url: str) -> str:
    """The path below which everything is answered."""
    return urlsplit(external_url).path.rstrip("/") or "/"
