"""The log on PostgreSQL and MariaDB against plain statements that store the same rows.

The plain sides write to a table of the same columns, indexes and partitions, durable at every
commit, on one connection; they look for no duplicates and nobody else may write. 64 submitters wait
for their event each: what they submit meanwhile shares the next commit, on both sides.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
import uvloop

from benchmarks.fill import Maker
from benchmarks.report import Limit, Run
from benchmarks.sql import SERVERS, WINDOW_US, Write, fresh, log
from event_system.events.event import Row
from event_system.kernel.clock import SystemClock
from event_system.sql.database import Database
from event_system.sql.dsn import parse_dsn
from event_system.sql.tables.log import EVENTS

SUBMITTERS = 64
BATCH = 1_000
FILL = 8_000
COLUMNS = [column.name for column in EVENTS.columns]
_TYPES = (
    *("BIGINT[]",) * 5,
    *("INTEGER[]", "TEXT[]", "TEXT[]", "TEXT[]", "TEXT[]", "BIGINT[]", "BIGINT[]"),
    *("TEXT[]", "TEXT[]", "BYTEA[]", "BYTEA[]"),
)

Open = Callable[[Database], Any]


def run(run: Run) -> None:
    for server in SERVERS:
        for what, drive, size, target in (
            (f"{SUBMITTERS} submitters", _submitters, 1, 0.6),
            (f"batches of {BATCH:,}", _batches, BATCH, 0.7),
        ):
            plain = _statement if size == 1 or server == "MariaDB" else _copy
            rounds = run.rounds(
                {
                    "plain": partial(_measured, server, plain, drive, run.seconds),
                    "ours": partial(_measured, server, log, drive, run.seconds),
                }
            )
            rates = [(r["ours"], r["plain"]) for r in rounds]
            beside = (plain.__doc__ or "").rstrip(".")
            title = f"{server}, {what} / {beside}"
            run.ratio(title, rates, "events/s", Limit(at_least=target))
    count = run.scale(10_000_000, 100_000)
    for server in SERVERS:
        with fresh(server) as address:
            young, old = uvloop.run(_growing(address, count))
        title = f"{server}, an event among {count:,} / among {FILL:,}"
        run.ratio(title, [(old, young)], "µs", Limit(at_most=1.3))


def _measured(
    server: str,
    open_: Open,
    drive: Callable[[Write, int], Awaitable[float]],
    seconds: int,
) -> float:
    """Events a second."""

    async def measure(address: str) -> float:
        async with _opened(address) as database, open_(database) as write:
            await drive(write, 1)
            return await drive(write, seconds)

    with fresh(server) as address:
        return uvloop.run(measure(address))


@asynccontextmanager
async def _opened(address: str) -> AsyncIterator[Database]:
    database = await Database.open(parse_dsn(address))
    yield database
    await database.close()


# What is asked of both sides


async def _submitters(write: Write, seconds: int) -> float:
    maker = Maker()
    now_us = SystemClock().now_us
    prefix = os.urandom(4).hex()
    events = 0
    started = time.perf_counter()

    async def submit() -> None:
        nonlocal events
        while time.perf_counter() - started < seconds:
            events += 1
            (row,) = maker.rows(1, now_us(), 0)
            await write([_again(row, f"{prefix}-{events}")])

    await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
    return events / (time.perf_counter() - started)


async def _batches(write: Write, seconds: int) -> float:
    """One after the other; the rows are made beforehand."""
    maker = Maker()
    now_us = SystemClock().now_us()
    events, spent = 0, 0.0
    prefix = os.urandom(4).hex()
    while spent < seconds:
        rows = [
            _named(row, prefix, events + n) for n, row in enumerate(maker.rows(BATCH, now_us, 1))
        ]
        started = time.perf_counter()
        await write(rows)
        spent += time.perf_counter() - started
        events += BATCH
    return events / spent


def _named(row: Row, prefix: str, number: int) -> Row:
    return _again(row, f"{prefix}-{number}")


def _again(row: Row, mark: object) -> Row:
    """The row under another id."""
    id_ = f"{row[7]}-{mark}"
    return (hash(id_) & (2**62 - 1), *row[1:7], id_, *row[8:])


# The sides


@asynccontextmanager
async def _copy(database: Database) -> AsyncIterator[Write]:
    """COPY of each batch."""
    head = 0
    async with database.raw() as driver:

        async def write(rows: Sequence[Row]) -> None:
            nonlocal head
            records = [(offset, *row) for offset, row in enumerate(rows, head + 1)]
            await driver.copy_records_to_table("events", records=records, columns=COLUMNS)
            head += len(rows)

        await _make_room(database)
        yield write


@asynccontextmanager
async def _statement(database: Database) -> AsyncIterator[Write]:
    """One INSERT a commit."""
    await _make_room(database)
    async with database.raw() as driver:
        insert = _insert_postgresql if database.dialect == "postgresql" else _insert_mysql
        group = _Group(partial(insert, driver))
        yield group.write
        await group.stop()


async def _make_room(database: Database) -> None:
    """One large partition: ours makes them as it goes on."""
    async with database.transaction() as connection:
        if database.dialect == "postgresql":
            await connection.execute(sa.text("DROP TABLE events_1"))
            part = "PARTITION OF events FOR VALUES FROM (1) TO (10000000)"
            await connection.execute(sa.text(f"CREATE TABLE events_1 {part}"))
        else:
            part = "PARTITION events_1 VALUES LESS THAN (10000000)"
            statement = f"ALTER TABLE events PARTITION BY RANGE (`offset`) ({part})"
            await connection.execute(sa.text(statement))


async def _insert_postgresql(driver: Any, first: int, rows: Sequence[Row]) -> None:
    columns = map(list, zip(*rows, strict=True))
    offsets = list(range(first, first + len(rows)))
    arrays = ", ".join(f"${i}::{type_}" for i, type_ in enumerate(_TYPES, 1))
    await driver.execute(f"INSERT INTO events SELECT * FROM unnest({arrays})", offsets, *columns)


async def _insert_mysql(driver: Any, first: int, rows: Sequence[Row]) -> None:
    marks = ",".join(["%s"] * len(COLUMNS))
    records = [(offset, *row) for offset, row in enumerate(rows, first)]
    async with driver.cursor() as cursor:
        await cursor.executemany(f"INSERT INTO events VALUES ({marks})", records)


class _Group:
    """A hand-written group commit: what waits when a commit has ended forms the next."""

    def __init__(self, insert: Callable[[int, Sequence[Row]], Awaitable[None]]) -> None:
        self._insert = insert
        self._waiting: list[tuple[Sequence[Row], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def write(self, rows: Sequence[Row]) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        self._wake.set()
        await done

    async def _run(self) -> None:
        first = 1
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            rows = [row for part, _ in batch for row in part]
            await self._insert(first, rows)
            first += len(rows)
            for _, done in batch:
                done.set_result(None)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


# A growing log


async def _growing(address: str, count: int) -> tuple[float, float]:
    """Microseconds an event takes to append in groups of 64, in a young log and in an old one."""
    maker = Maker()
    step_us = WINDOW_US / count
    start_us = SystemClock().now_us() - WINDOW_US

    async with _opened(address) as database, log(database) as write:
        stored = 0

        async def fill(until: int) -> None:
            nonlocal stored
            while stored < until:
                size = min(FILL, until - stored)
                await write(maker.rows(size, int(start_us + stored * step_us), step_us))
                stored += size

        async def cost() -> float:
            nonlocal stored
            taken = []
            for _ in range(300):
                rows = maker.rows(SUBMITTERS, int(start_us + stored * step_us), step_us)
                started = time.perf_counter()
                await write(rows)
                taken.append((time.perf_counter() - started) / SUBMITTERS * 1e6)
                stored += SUBMITTERS
            return statistics.median(taken)

        await fill(FILL)
        await cost()
        young = await cost()
        await fill(count)
        return young, await cost()
