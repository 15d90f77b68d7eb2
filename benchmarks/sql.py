"""Databases of a measurement, on the servers of this machine, and the product's log on them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvloop

from benchmarks.fill import LANES
from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sql.settings import LogSettings
from event_system.events.event import Row
from event_system.kernel.clock import SystemClock
from event_system.sql import migrate
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn, parse_dsn

SERVERS = {
    "PostgreSQL": "postgresql://root@127.0.0.1:5432/postgres",
    "MariaDB": "root@tcp(127.0.0.1:3306)/mysql",
}
WINDOW_US = 24 * 3_600_000_000

Write = Callable[[Sequence[Row]], Awaitable[Any]]


@contextmanager
def fresh(server: str, mark: str = "") -> Iterator[str]:
    """The connection string of a database of its own with the product's tables."""
    at, name = parse_dsn(SERVERS[server]), f"es_bench_{os.getpid()}{mark}"
    own = SERVERS[server].rpartition("/")[0] + f"/{name}"
    uvloop.run(_administer(at, f"CREATE DATABASE {name}"))
    try:
        migrate.upgrade(parse_dsn(own))
        yield own
    finally:
        uvloop.run(_administer(at, f"DROP DATABASE {name}"))


async def _administer(at: Dsn, statement: str) -> None:
    database = await Database.open(at)
    async with database.raw() as driver:
        if at.dialect == "postgresql":
            await driver.execute(statement)
        else:
            async with driver.cursor() as cursor:
                await cursor.execute(statement)
    await database.close()


@asynccontextmanager
async def log(database: Database) -> AsyncIterator[Write]:
    """What stores rows in the product's log; it raises where they are not stored."""
    events = await SqlEventLog.open(
        database,
        LogSettings(LANES, WINDOW_US),
        clock=SystemClock(),
        on_commit=lambda commit, seconds: None,
    )
    events.start()
    loop = asyncio.get_running_loop()

    async def write(rows: Sequence[Row]) -> None:
        done: asyncio.Future[Any] = loop.create_future()
        events.submit(rows, done.set_result)
        stored = await done
        if isinstance(stored, Exception):
            raise stored
        if min(stored) < 0:
            raise RuntimeError("the measurement made an id twice")

    yield write
    await events.stop()
