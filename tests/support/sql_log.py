"""Event logs on the servers of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sql.settings import LogSettings
from event_system.events.ports import Commit
from event_system.kernel.clock import Clock, SystemClock
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn
from tests.support.rows import LANES
from tests.support.sql import opened

WINDOW_US = 10**12


@asynccontextmanager
async def sql_log(
    dsn: Dsn,
    *,
    on_commit: Callable[[Commit], None] = lambda commit: None,
    clock: Clock | None = None,
    window_us: int = WINDOW_US,
    poll_seconds: float = 0.005,
) -> AsyncIterator[SqlEventLog]:
    """A log that runs, on a database that has its tables."""
    async with opened(dsn) as database:
        log = await open_log(database, on_commit, clock, window_us, poll_seconds)
        log.start()
        try:
            yield log
        finally:
            await log.stop()


async def open_log(
    database: Database,
    on_commit: Callable[[Commit], None] = lambda commit: None,
    clock: Clock | None = None,
    window_us: int = WINDOW_US,
    poll_seconds: float = 0.005,
) -> SqlEventLog:
    return await SqlEventLog.open(
        database,
        LogSettings(LANES, window_us, poll_seconds),
        clock=clock or SystemClock(),
        on_commit=lambda commit, seconds: on_commit(commit),
    )
