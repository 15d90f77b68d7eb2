"""Every event log there is, for the suites that all of them have to pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.events.ports import Commit, EventLog
from event_system.kernel.clock import SystemClock
from tests.support.brokers import BROKERS, needing
from tests.support.memory_log import MemoryLog
from tests.support.rows import LANES
from tests.support.sql import ENGINES, SharedDatabases
from tests.support.sql_log import WINDOW_US, sql_log
from tests.support.stream_log import new_name, stream_log, taken_over

STREAMED = {f"{broker} on postgresql": broker for broker in BROKERS}
"""Logs with a stream in front, and the broker that has it."""

BEHIND_STREAMS = [pytest.param(name, marks=needing(broker)) for name, broker in STREAMED.items()]
STORED = ["embedded", *ENGINES, *BEHIND_STREAMS]
"""Logs that have `delayed` and `schedules` too; for fixtures' `params`."""

LOGS = ["memory", *STORED]


@dataclass
class Told:
    """What a log has told of its commits."""

    commits: list[Commit] = field(default_factory=list)

    @property
    def offsets(self) -> list[int]:
        return [
            at for told in self.commits for at in range(told.first, told.first + len(told.rows))
        ]


@asynccontextmanager
async def open_stored(
    name: str,
    directory: Path,
    databases: SharedDatabases,
    on_commit: Callable[[Commit], None] = lambda commit: None,
) -> AsyncIterator[SqliteEventLog | SqlEventLog | StreamEventLog]:
    """The log of this name, empty."""
    if name in STREAMED:
        dsn, stream = (
            databases.emptied("postgresql"),
            BROKERS[STREAMED[name]](databases, new_name()),
        )
        async with stream_log(dsn, stream, on_commit=on_commit) as streamed:
            yield streamed
            await taken_over(streamed)
        return
    if name != "embedded":
        async with sql_log(databases.emptied(name), on_commit=on_commit) as opened:
            yield opened
        return
    log = SqliteEventLog(
        LogSettings(directory, lanes=LANES, dedupe_window_us=WINDOW_US),
        clock=SystemClock(),
        loop=asyncio.get_running_loop(),
        on_commit=lambda commit, seconds: on_commit(commit),
    )
    log.start()
    try:
        yield log
    finally:
        await log.stop()


@asynccontextmanager
async def open_log(
    name: str, directory: Path, databases: SharedDatabases, told: Told | None = None
) -> AsyncIterator[EventLog]:
    """As `open_stored`, with the one in memory."""
    told = told or Told()
    if name == "memory":
        memory = MemoryLog()
        memory.on_commit = told.commits.append
        yield memory
        return
    async with open_stored(name, directory, databases, told.commits.append) as opened:
        yield opened
