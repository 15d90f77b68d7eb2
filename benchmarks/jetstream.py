"""The log behind a NATS cluster of three against what nats-py does on the same servers.

The streams have three replicas in files; servers flush them as they do by default. Publishing is
`publish_async` of the same payloads, as many under way as we have: it looks for no duplicates and
each event stands alone; ours are found twice against PostgreSQL, which takes them over meanwhile.
Consuming is a pull consumer with an acknowledgement for each message; ours reads pages of the log
and commits a cursor in PostgreSQL after each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import nats
import sqlalchemy as sa
import uvloop
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from benchmarks.fill import LANES, Maker
from benchmarks.report import Limit, Run
from benchmarks.sql import fresh
from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.nats import wire
from event_system.events.event import Row
from event_system.kernel.clock import SystemClock
from event_system.node.backbone import open_stream_log
from event_system.node.backbone_settings import BackboneSettings
from event_system.node.settings import EventSettings
from event_system.sql.database import Database
from event_system.sql.dsn import parse_dsn
from tests.support.nats import nats_servers

STREAM = "bench"
PAGE = 1_000
MOST_PER_SECOND = 40_000
"""Events that are made beforehand, as the messages of the other side are."""

READY_SECONDS = 60.0


def run(run: Run) -> None:
    for submitters, size, title in (
        (64, 1, "64 submitters / 64 publishes under way"),
        (4, 1_000, "batches of 1,000, four at once / 4,000 publishes under way"),
    ):
        rounds = run.rounds(
            {
                "plain": partial(_on_cluster, _publishing, submitters * size, run.seconds),
                "ours": partial(_with_database, _appending, submitters, size, run.seconds),
            }
        )
        rates = [(r["ours"], r["plain"]) for r in rounds]
        run.ratio(title, rates, "events/s", Limit(at_least=0.7))
    count = run.scale(100_000, 20_000)
    rounds = run.rounds(
        {
            "plain": partial(_on_cluster, _consuming, count),
            "ours": partial(_with_database, _reading, count),
        }
    )
    rates = [(r["ours"], r["plain"]) for r in rounds]
    run.ratio("pages and a cursor / pull consumer", rates, "events/s", Limit(at_least=0.6))


def _on_cluster(measure: Callable[..., Coroutine[Any, Any, float]], *arguments: int) -> float:
    """What is measured on servers of its own."""
    with nats_servers(3) as servers:
        return uvloop.run(measure(servers.urls, *arguments))


def _with_database(measure: Callable[..., Coroutine[Any, Any, float]], *arguments: int) -> float:
    with fresh("PostgreSQL") as dsn:
        return _on_cluster(partial(measure, dsn), *arguments)


# nats-py


@asynccontextmanager
async def _plain(urls: Sequence[str]) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(list(urls))
    context = client.jetstream()
    config = StreamConfig(
        STREAM, subjects=[f"{STREAM}.>"], storage=StorageType.FILE, num_replicas=3
    )
    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            await context.add_stream(config)
        except nats.errors.Error:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)
        else:
            break
    yield context
    await client.close()


async def _publishing(urls: Sequence[str], under_way: int, seconds: int) -> float:
    async with _plain(urls) as context:
        maker, published = Maker(), 0
        messages = [_message(row) for row in maker.rows(4_000, 0, 1)]
        gate = asyncio.Semaphore(under_way)
        started = time.perf_counter()
        acks: set[asyncio.Future[Any]] = set()
        while time.perf_counter() - started < seconds:
            await gate.acquire()
            ack = await context.publish_async(*messages[published % len(messages)])
            ack.add_done_callback(lambda _: gate.release())
            ack.add_done_callback(acks.discard)
            acks.add(ack)
            published += 1
        await asyncio.gather(*acks)
        return published / (time.perf_counter() - started)


def _message(row: Row) -> tuple[str, bytes]:
    return wire.subject_of(STREAM, row), wire.encode(row)


async def _consuming(urls: Sequence[str], count: int) -> float:
    async with _plain(urls) as context:
        for start in range(0, count, 4_000):
            rows = Maker().rows(min(4_000, count - start), 0, 1)
            acks = [await context.publish_async(*_message(row)) for row in rows]
            await asyncio.gather(*acks)
        config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=10_000)
        consumer = await context.pull_subscribe(
            f"{STREAM}.>", durable="bench", stream=STREAM, config=config
        )
        seen, started = 0, time.perf_counter()
        while seen < count:
            messages = await consumer.fetch(PAGE, timeout=10)
            for message in messages:
                wire.decode({"Nats-Sequence": "1"}, message.data)
                await message.ack()
            seen += len(messages)
        return seen / (time.perf_counter() - started)


# The product's log


@asynccontextmanager
async def _log(dsn: str, urls: Sequence[str]) -> AsyncIterator[tuple[StreamEventLog, Database]]:
    database = await Database.open(parse_dsn(dsn))
    log = await open_stream_log(
        database,
        BackboneSettings(kind="nats", urls=list(urls), stream=STREAM),
        EventSettings(lanes=LANES),
        clock=SystemClock(),
        on_commit=lambda commit, seconds: None,
    )
    log.start()
    yield log, database
    await log.stop()
    await database.close()


async def _append(log: StreamEventLog, rows: Sequence[Row]) -> None:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    log.submit(rows, done.set_result)
    stored = await done
    if isinstance(stored, Exception):
        raise stored
    if min(stored) < 0:
        raise RuntimeError("the measurement made an id twice")


async def _appending(
    dsn: str, urls: Sequence[str], submitters: int, size: int, seconds: int
) -> float:
    async with _log(dsn, urls) as (log, _):
        events = 0
        made = Maker().rows(MOST_PER_SECOND * seconds, SystemClock().now_us(), 0)
        started = time.perf_counter()

        async def submit() -> None:
            nonlocal events
            while time.perf_counter() - started < seconds and made:
                rows = made[-size:]
                del made[-size:]
                await _append(log, rows)
                events += len(rows)

        await asyncio.gather(*(submit() for _ in range(submitters)))
        return events / (time.perf_counter() - started)


async def _reading(dsn: str, urls: Sequence[str], count: int) -> float:
    async with _log(dsn, urls) as (log, database):
        maker, now_us = Maker(), SystemClock().now_us
        for start in range(0, count, PAGE):
            await _append(log, maker.rows(min(PAGE, count - start), now_us(), 0))
        while log.lag:
            await asyncio.sleep(0.05)
        async with database.transaction() as connection:
            await connection.execute(sa.text("CREATE TABLE bench (place BIGINT)"))
            await connection.execute(sa.text("INSERT INTO bench VALUES (0)"))
        after, started = 0, time.perf_counter()
        while after < count:
            page = await log.read(after, PAGE)
            after = page.through
            async with database.transaction() as connection:
                await connection.execute(sa.text("UPDATE bench SET place = :at"), {"at": after})
        return count / (time.perf_counter() - started)
