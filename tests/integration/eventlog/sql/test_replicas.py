"""Searches of the past on a replica, which may lag behind; single events come from the primary.

A database that stopped growing some time ago stands for the replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from event_system.eventlog.sql.log import SqlEventLog
from event_system.events.event import Row
from event_system.events.ports import Appended, Filter
from event_system.sql import migrate
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn
from tests.support.rows import row
from tests.support.sql import ENGINES, fresh_database
from tests.support.sql_log import open_log, sql_log

ROWS = [row(f"e{number}", subject="p1", received_us=1_000 + number) for number in range(10)]
LAGGING = 6


async def append(log: SqlEventLog, rows: Sequence[Row]) -> None:
    stored: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
    log.submit(rows, stored.set_result)
    assert not isinstance(await stored, Exception)


@asynccontextmanager
async def log_with(primary: Dsn, replica: Dsn) -> AsyncIterator[SqlEventLog]:
    database = await Database.open(primary, replicas=[replica])
    log = await open_log(database)
    log.start()
    try:
        yield log
    finally:
        await log.stop()
        await database.close()


async def found(log: SqlEventLog, query: Filter, *, newest_first: bool) -> list[int]:
    page = await log.history.find(query, limit=100, newest_first=newest_first, cursor=None)
    return [event.offset for event in page.events]


@pytest.mark.parametrize("engine", ENGINES)
async def test_searches_see_the_replica_and_look_ups_the_primary(engine: str) -> None:
    with fresh_database(engine, "primary") as primary, fresh_database(engine, "replica") as replica:
        for dsn, rows in ((primary, ROWS), (replica, ROWS[:LAGGING])):
            migrate.upgrade(dsn)
            async with sql_log(dsn) as log:
                await append(log, rows)
        async with log_with(primary, replica) as log:
            there = list(range(1, LAGGING + 1))
            assert await found(log, Filter(), newest_first=False) == there
            assert await found(log, Filter(subject="p1"), newest_first=True) == there[::-1]
            assert await found(log, Filter(since_us=1_003), newest_first=False) == there[3:]
            assert await found(log, Filter(until_us=5_000), newest_first=False) == there
            newest = await log.history.at(len(ROWS))
            assert newest is not None
            assert newest.id == "e9"
            assert await log.history.get("e9") == newest


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_replica_that_is_away_is_done_without(engine: str) -> None:
    with fresh_database(engine, "primary") as primary:
        migrate.upgrade(primary)
        async with sql_log(primary) as log:
            await append(log, ROWS)
        away = Dsn(primary.dialect, "127.0.0.1", 1, primary.user, "nowhere")
        async with log_with(primary, away) as log:
            everything = await found(log, Filter(), newest_first=False)
    assert everything == list(range(1, len(ROWS) + 1))
