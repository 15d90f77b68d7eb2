"""Logs with a stream in front of a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.backbone.settings import MOST_WAITING, StreamSettings
from event_system.eventlog.backbone.stream import Stream
from event_system.events.event import Row
from event_system.events.ports import Commit, EventLog
from event_system.kernel.clock import Clock, SystemClock
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import LOG
from tests.support.rows import LANES
from tests.support.sql import connecting, opened
from tests.support.sql_log import WINDOW_US
from tests.support.waiting import until


def new_name() -> str:
    """Of a stream that nobody else uses."""
    return f"test-{uuid4().hex}"


@asynccontextmanager
async def stream_log(
    dsn: Dsn,
    stream: Stream,
    *,
    on_commit: Callable[[Commit], None] = lambda commit: None,
    clock: Clock | None = None,
    window_us: int = WINDOW_US,
    max_batch: int = 1_000,
    most_waiting: int = MOST_WAITING,
    patience_seconds: float = 30.0,
    keep_us: int = 10**12,
    started: bool = True,
) -> AsyncIterator[StreamEventLog]:
    """A log that runs, on a database that has its tables."""
    settings = StreamSettings(
        LANES,
        window_us,
        max_batch=max_batch,
        keep_us=keep_us,
        poll_seconds=0.005,
        most_waiting=most_waiting,
        patience_seconds=patience_seconds,
    )
    async with opened(dsn) as database:
        try:
            log = await StreamEventLog.open(
                database,
                stream,
                settings,
                clock=clock or SystemClock(),
                on_commit=lambda commit, seconds: on_commit(commit),
            )
        except BaseException:
            await stream.close()
            raise
        if started:
            log.start()
        try:
            yield log
        finally:
            await log.stop()


async def taken_over(log: StreamEventLog) -> None:
    """Wait until the tables have all that the stream has: searches do not wait for that for long."""
    await until(lambda: log.lag == 0)


async def append(log: EventLog, *rows: Row) -> list[int]:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    log.submit(rows, answer.set_result)
    found = await answer
    if isinstance(found, Exception):
        raise found
    return list(found)


async def all_ids(log: EventLog) -> list[str]:
    found: list[str] = []
    after = 0
    while after < log.head:
        page = await log.read(after, 100)
        found += [event.id for event in page.events]
        after = page.through
    return found


@contextmanager
def held(dsn: Dsn) -> Iterator[None]:
    """The tables take nothing over meanwhile: somebody holds the lock of the log."""
    with connecting(dsn) as connection:
        connection.execute(sa.text("BEGIN"))
        connection.execute(sa.select(LOG).with_for_update())
        try:
            yield
        finally:
            connection.execute(sa.text("ROLLBACK"))
