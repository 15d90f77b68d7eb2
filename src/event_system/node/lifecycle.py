"""A node from start to signal to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import uvloop

from event_system.kernel.errors import AddressInUseError
from event_system.kernel.threads import in_thread
from event_system.logs.configure import LogHandle, configure_logging
from event_system.node.compose import Node
from event_system.node.configuration import Loaded
from event_system.node.garbage import spare_the_collector
from event_system.node.loop_threads import LoopThreads
from event_system.node.memory import give_back
from event_system.node.reload import ConfigWatcher
from event_system.node.settings import check_exposure, check_roles

HELD_SECONDS = 1.0
"""What handlers' threads have after the node's end; before it they had `server.shutdown_grace`."""
_log = logging.getLogger(__name__)


def run_node(
    loaded: Loaded, reload: Callable[[], Loaded], announce: Callable[[Node], None]
) -> None:
    """Run a node until SIGTERM or SIGINT. SIGHUP and a changed file reload.

    `reload` reads the settings again, `announce` is called once the node listens. Raises
    `EventSystemError` where the node cannot start.
    """
    settings = loaded.settings
    check_exposure(settings)
    check_roles(settings)
    handle = configure_logging(
        settings.logging.level,
        settings.logging.format,
        Path(settings.logging.file) if settings.logging.file else None,
        instance=f"{socket.gethostname()}-{os.getpid()}",
    )
    try:
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        uvloop.run(_run(loaded, reload, announce, handle))
    finally:
        handle.close()


async def _run(
    loaded: Loaded,
    reload: Callable[[], Loaded],
    announce: Callable[[Node], None],
    handle: LogHandle,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threads = LoopThreads(loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    node = await Node.open(loaded, handle)
    watcher = ConfigWatcher(loaded, reload, node.apply)
    loop.add_signal_handler(signal.SIGHUP, watcher.request)
    try:
        await _start(node)
        announce(node)
        spare_the_collector()
        watching = loop.create_task(watcher.run(), name="configuration")
        settling = loop.create_task(_settle(node), name="settle")
        await stop.wait()
        watching.cancel()
        settling.cancel()
        _log.info("stopping")
    finally:
        await node.stop()
    _log.info("stopped")
    if not await threads.end(HELD_SECONDS):
        _log.warning("a handler holds a thread (asyncio.to_thread); the process ends without it")
        _end_at_once(handle)


def _end_at_once(handle: LogHandle) -> NoReturn:
    """Without waiting for threads, as Python otherwise does; all that is to be kept is stored."""
    handle.close()
    sys.stdout.flush()
    os._exit(0)


async def _settle(node: Node) -> None:
    """Once all is loaded, leave to other programs the memory that loading it took."""
    with suppress(OSError):  # the first request tries again, and says so
        await node.app.warm()
    spare_the_collector()
    await in_thread(give_back)


async def _start(node: Node) -> None:
    try:
        await node.start()
    except OSError as error:
        raise AddressInUseError(f"{error.strerror or error}") from error
    _log.info(
        "listening",
        extra={"context": {"port": node.http.port, "metricsPort": node.metrics_http.port}},
    )
