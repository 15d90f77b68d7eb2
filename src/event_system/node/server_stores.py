"""The stores of a node on a database server, opened in order and closed in reverse.

The data directory then holds only what is of this process: the lock that keeps a second one off,
the name under which the node takes its lease, and the board of events in hand.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from event_system.database.board import MappedBoard
from event_system.database.sql.catalogue import ServerCatalogue
from event_system.database.sql.state import ServerState
from event_system.eventlog.retention import Retention
from event_system.eventlog.sql.log import LogSettings, SqlEventLog
from event_system.eventlog.sql.retention import SqlOld
from event_system.eventlog.sqlite.log import lock_directory
from event_system.kernel.clock import Clock
from event_system.kernel.errors import StorageError
from event_system.metrics.database import watch_database
from event_system.metrics.manager import MetricsManager
from event_system.node.database_settings import DatabaseSettings
from event_system.node.settings import EventSettings
from event_system.node.stores import SECOND_US, Stores, Told
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn
from event_system.sql.leases import Leases
from event_system.sql.migrate import upgrade
from event_system.sql.pool import PoolSettings
from event_system.sql.tenure import Tenure

LEASE = "delivery"
NODE_FILE = "node.id"
LOOK_SECONDS = 0.5
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Slow:
    """Counts slow statements."""

    number: int = field(default=0)

    def note(self, _statement: str, _seconds: float) -> None:
        self.number += 1


async def open_server_stores(
    settings: DatabaseSettings, directory: Path, event: EventSettings, clock: Clock
) -> Stores:
    """Bring the tables up to date, take the lease of delivery, open the stores.

    Waits up to `database.wait` for a server that does not answer yet. Raises as `open_stores`.
    """
    async with AsyncExitStack() as opened:
        opened.callback(lock_directory(directory).close)
        await _migrate(settings.address, settings.wait.total_seconds())
        slow = _Slow()
        database = await Database.open(
            settings.address,
            _pool_settings(settings),
            on_slow=slow.note,
            clock=clock,
            replicas=settings.replica_addresses,
        )
        opened.push_async_callback(_closed, database.close)
        tenure = Tenure(Leases(database), LEASE, _name(directory))
        await tenure.take()
        opened.push_async_callback(tenure.release)
        types = ServerCatalogue(database)
        told = Told()
        log = await SqlEventLog.open(
            database,
            LogSettings(
                lanes=event.lanes,
                dedupe_window_us=int(event.dedupe_window.total_seconds() * SECOND_US),
                poll_seconds=settings.poll_interval.total_seconds(),
            ),
            clock=clock,
            on_commit=told,
        )
        state = await ServerState.open(database, tenure.fence, log.identity)
        opened.push_async_callback(_closed, state.close)
        opened.push_async_callback(_closed, log.stop)
        stack = opened.pop_all()
    return Stores(
        log=log,
        state=state,
        types=types,
        board=MappedBoard(_folder(directory, log.identity)),
        told=told,
        sweeper=lambda holds: Retention(
            SqlOld(log), holds, now_us=clock.now_us, monotonic=clock.monotonic
        ),
        watch=lambda manager: _watch(manager, database, slow),
        close=stack.aclose,
        tenure=tenure,
    )


async def _closed(close: Callable[[], Awaitable[None]]) -> None:
    """Close what can be: a server that is away must not keep the rest open."""
    try:
        await close()
    except StorageError as error:
        _log.warning("the server was away at the end: %s", error)


async def _migrate(address: Dsn, wait_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_seconds
    while True:
        try:
            await asyncio.to_thread(upgrade, address)
        except StorageError as error:
            if loop.time() >= until:
                raise
            _log.warning("waiting for %s: %s", address, error)
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return


def _pool_settings(settings: DatabaseSettings) -> PoolSettings:
    pool = settings.pool
    return PoolSettings(
        max_open_conns=pool.max_open_conns,
        max_idle_conns=pool.max_idle_conns,
        conn_max_lifetime=pool.conn_max_lifetime.total_seconds(),
        conn_max_idle_time=pool.conn_max_idle_time.total_seconds(),
        wait=pool.wait.total_seconds(),
        slow_query_log=settings.slow_query_log,
        slow_query_threshold=settings.slow_query_threshold.total_seconds(),
    )


def _name(directory: Path) -> str:
    """The node's name, the same after a restart: the directory's lock lets one have it at a time."""
    file = directory / NODE_FILE
    if not file.exists():
        file.write_text(os.urandom(8).hex(), encoding="utf-8")
    return f"{socket.gethostname()} ({file.read_text(encoding='utf-8').strip()[:32]})"


def _folder(directory: Path, identity: int) -> Path:
    """Where the board is: offsets of another log would mean other events."""
    folder = directory / f"log-{identity}"
    folder.mkdir(exist_ok=True)
    return folder


def _watch(manager: MetricsManager, database: Database, slow: _Slow) -> None:
    watch_database(
        manager,
        active=lambda: database.pool.figures().active,
        idle=lambda: database.pool.figures().idle,
        waiting=lambda: database.pool.figures().waiting,
        most=database.pool.settings.max_open_conns,
        slow=lambda: slow.number,
    )
