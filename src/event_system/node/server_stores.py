"""The stores of a node on a database server, opened in order and closed in reverse.

The data directory then holds only what is of this process: the lock that keeps a second one off,
the node's name, and the board of events in hand.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

from event_system.cluster.clock import ClusterClock
from event_system.cluster.membership import Membership
from event_system.cluster.ownership import Ownership
from event_system.cluster.ports import Introduction
from event_system.database.sql.access import Access
from event_system.database.sql.board import ServerBoard
from event_system.database.sql.catalogue import ServerCatalogue
from event_system.database.sql.records import ServerRecords
from event_system.database.sql.state import ServerState
from event_system.eventlog.retention import Retention
from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sql.retention import SqlOld, Tables
from event_system.eventlog.sql.settings import LogSettings
from event_system.eventlog.sqlite.log import lock_directory
from event_system.kernel.clock import Clock
from event_system.kernel.errors import LeaseHeldError, StorageError
from event_system.kernel.threads import in_own_thread
from event_system.metrics.cluster import watch_cluster
from event_system.metrics.database import watch_database
from event_system.metrics.manager import MetricsManager
from event_system.metrics.queries import QueryTally
from event_system.node.backbone_settings import BackboneSettings
from event_system.node.database_settings import DatabaseSettings
from event_system.node.duties import ALERTING, LANE, OPERATIONS, fit
from event_system.node.node_settings import NodeSettings
from event_system.node.server_elsewhere import ServerElsewhere
from event_system.node.settings import EventSettings
from event_system.node.stores import SECOND_US, Cluster, NodeLog, Stores, Told
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn
from event_system.sql.migrate import upgrade
from event_system.sql.pool import PoolSettings
from event_system.version import VERSION

NODE_FILE = "node.id"
LOOK_SECONDS = 0.5
_log = logging.getLogger(__name__)


class ServerLog(NodeLog, Tables, Protocol):
    """A log whose events are in the tables of a server, at once or after `lag` others."""

    @property
    def lag(self) -> int: ...
    async def stop(self) -> None: ...


async def open_server_stores(
    settings: DatabaseSettings,
    backbone: BackboneSettings,
    directory: Path,
    event: EventSettings,
    node: NodeSettings,
    machine: Clock,
    *,
    alerting: bool,
) -> Stores:
    """Bring the tables up to date, become a member of the cluster, open the stores.

    Waits up to `database.wait` for a server that does not answer yet, and for nodes at work on
    tables of an older version. Raises as `open_stores`.
    """
    async with AsyncExitStack() as opened:
        opened.callback(lock_directory(directory).close)
        clock = ClusterClock(machine)
        tally = QueryTally()
        database = await _database(settings, tally, clock)
        opened.push_async_callback(_closed, database.close)
        ownership = Ownership(
            lambda: _membership(database, directory, node, clock, alerting=alerting),
            fit,
            clock.monotonic,
        )
        await ownership.enter()
        opened.push_async_callback(_closed, ownership.leave)
        types = ServerCatalogue(database)
        told = Told()
        log = await _log_of(database, settings, backbone, event, clock, told)
        opened.push_async_callback(_closed, log.stop)
        state = await ServerState.open(
            database, ownership.fence, log.identity, node=lambda: ownership.membership.id
        )
        opened.push_async_callback(_closed, state.close)
        stack = opened.pop_all()

    def watch(manager: MetricsManager) -> None:
        _watch(manager, database, tally, log)
        _watch_cluster(manager, ownership, clock)

    return Stores(
        clock=clock,
        log=log,
        state=state,
        types=types,
        board=ServerBoard(_folder(directory, log.identity), Access(database, ownership.fence)),
        told=told,
        sweeper=lambda holds: Retention(
            SqlOld(log), holds, now_us=clock.now_us, monotonic=clock.monotonic
        ),
        watch=watch,
        tally=tally,
        open_records=lambda: ServerRecords(database, partial(ownership.fence_of, OPERATIONS)),
        close=stack.aclose,
        cluster=Cluster(ownership, clock, ServerElsewhere(database, state, types), node.roles),
    )


async def _closed(close: Callable[[], Awaitable[None]]) -> None:
    """Close what can be: a server that is away must not keep the rest open."""
    try:
        await close()
    except StorageError as error:
        _log.warning("the server was away at the end: %s", error)


async def _database(settings: DatabaseSettings, tally: QueryTally, clock: Clock) -> Database:
    """The server, with tables of this version."""
    await _migrate(settings.address, settings.wait.total_seconds())
    return await Database.open(
        settings.address,
        _pool_settings(settings),
        ears=tally,
        clock=clock,
        replicas=settings.replica_addresses,
    )


async def _log_of(
    database: Database,
    settings: DatabaseSettings,
    backbone: BackboneSettings,
    event: EventSettings,
    clock: Clock,
    told: Told,
) -> ServerLog:
    if backbone.enabled:
        from event_system.node.backbone import open_stream_log

        return await open_stream_log(database, backbone, event, clock=clock, on_commit=told)
    how = _log_settings(settings, event)
    return await SqlEventLog.open(database, how, clock=clock, on_commit=told)


async def _migrate(address: Dsn, wait_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_seconds
    while True:
        try:
            await in_own_thread(partial(upgrade, address), "migration")
        except (StorageError, LeaseHeldError) as error:
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


def _place(directory: Path) -> str:
    """Where the process runs: the directory's lock lets one be there at a time."""
    file = directory / NODE_FILE
    if not file.exists():
        file.write_text(os.urandom(8).hex(), encoding="utf-8")
    return f"{socket.gethostname()} ({file.read_text(encoding='utf-8').strip()[:32]})"


def _membership(
    database: Database, directory: Path, node: NodeSettings, clock: ClusterClock, *, alerting: bool
) -> Membership:
    place = _place(directory)
    roles = frozenset(node.roles) | ({ALERTING} if alerting and "ops" in node.roles else set())
    introduction = Introduction(node.name or place, node.address or "", roles, VERSION, place)
    return Membership(
        *(database, os.urandom(12).hex(), introduction, clock),
        lease_seconds=node.lease.total_seconds(),
    )


def _folder(directory: Path, identity: int) -> Path:
    """Where the board is: offsets of another log would mean other events."""
    folder = directory / f"log-{identity}"
    folder.mkdir(exist_ok=True)
    return folder


def _log_settings(settings: DatabaseSettings, event: EventSettings) -> LogSettings:
    return LogSettings(
        lanes=event.lanes,
        dedupe_window_us=int(event.dedupe_window.total_seconds() * SECOND_US),
        poll_seconds=settings.poll_interval.total_seconds(),
    )


def _watch(manager: MetricsManager, database: Database, tally: QueryTally, log: ServerLog) -> None:
    watch_database(
        manager,
        active=lambda: database.pool.figures().active,
        idle=lambda: database.pool.figures().idle,
        waiting=lambda: database.pool.figures().waiting,
        most=database.pool.settings.max_open_conns,
        slow=lambda: tally.slow,
        lag=lambda: log.lag,
    )


def _watch_cluster(manager: MetricsManager, ownership: Ownership, clock: ClusterClock) -> None:
    watch_cluster(
        manager,
        nodes=lambda: len(ownership.view.members),
        lanes=lambda: sum(thing.kind == LANE for thing in ownership.held),
        clock_offset=lambda: clock.ahead_us / SECOND_US,
        given_up=lambda: ownership.nodes_given_up,
        taken=lambda: ownership.things_taken,
        failed=lambda: ownership.renewals_failed,
    )
