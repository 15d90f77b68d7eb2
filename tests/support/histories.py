"""Every history of events there is, for the suite that all of them have to pass.

An implementation joins by a factory in `HISTORIES`: given a directory and the rows of a log, it
opens a history of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.sqlite.history import SqliteHistory
from event_system.eventlog.sqlite.reader import Reader
from event_system.events.event import Row
from event_system.events.ports import History
from tests.support.brokers import BROKERS, needing
from tests.support.logs import STREAMED
from tests.support.memory_history import MemoryHistory
from tests.support.memory_log import MemoryLog
from tests.support.sql import SERVERS, SharedDatabases
from tests.support.sql_log import sql_log
from tests.support.stored_log import StoredLog
from tests.support.stream_log import held, new_name, stream_log, taken_over

OpenHistory: TypeAlias = Callable[
    [Path, Sequence[Row], SharedDatabases], AbstractAsyncContextManager[History]
]


def embedded(indexed: float) -> OpenHistory:
    """The embedded log with this part of its events indexed."""

    @asynccontextmanager
    async def open_history(
        directory: Path, rows: Sequence[Row], databases: SharedDatabases
    ) -> AsyncIterator[History]:
        log = StoredLog(directory)
        log.append(rows[: int(len(rows) * indexed)])
        log.build_index()
        log.append(rows[log.head :])
        reader = Reader(directory)
        try:
            yield SqliteHistory(reader, lambda: 0.0)  # no page ends early
        finally:
            await reader.close()
            log.close()

    return open_history


@asynccontextmanager
async def in_memory(
    directory: Path, rows: Sequence[Row], databases: SharedDatabases
) -> AsyncIterator[History]:
    log = MemoryLog()
    log.rows = list(rows)
    yield MemoryHistory(log, stride=3)


def apart(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in their order, in parts without twins."""
    parts: list[list[Row]] = [[]]
    for each in rows:
        if any(each[6:8] == other[6:8] for other in parts[-1]):
            parts.append([])
        parts[-1].append(each)
    return parts


def on_server(engine: str) -> OpenHistory:
    @asynccontextmanager
    async def open_history(
        directory: Path, rows: Sequence[Row], databases: SharedDatabases
    ) -> AsyncIterator[History]:
        async with sql_log(databases.emptied(engine), window_us=0) as log:
            for together in apart(rows):
                log.submit(together, lambda appended: None)
                await log.flush()
            yield log.history

    return open_history


def behind(broker: str, part: float = 1.0) -> OpenHistory:
    """Behind a stream; the tables have taken over a part, the rest is in memory."""

    @asynccontextmanager
    async def open_history(
        directory: Path, rows: Sequence[Row], databases: SharedDatabases
    ) -> AsyncIterator[History]:
        stream = BROKERS[broker](databases, new_name())
        dsn = databases.emptied("postgresql")
        first = round(part * len(rows))
        async with stream_log(dsn, stream, window_us=0) as log:
            await _submit(log, rows[:first])
            await taken_over(log)
            with held(dsn):
                await _submit(log, rows[first:])
                yield log.history

    return open_history


async def _submit(log: StreamEventLog, rows: Sequence[Row]) -> None:
    for together in apart(rows):
        log.submit(together, lambda appended: None)
        await log.flush()


HISTORIES: dict[str, OpenHistory] = {
    "in memory": in_memory,
    "embedded, indexed": embedded(1.0),
    "embedded, indexed in part": embedded(0.5),
    "embedded, not indexed": embedded(0.0),
    "postgresql": on_server("postgresql"),
    "mariadb": on_server("mariadb"),
    **{name: behind(broker) for name, broker in STREAMED.items()},
    "nats, half on postgresql": behind("nats", 0.5),
    "nats, none on postgresql": behind("nats", 0.0),
}


def _needed(name: str) -> list[pytest.MarkDecorator]:
    """The servers that a history is on."""
    if name in STREAMED:
        return needing(STREAMED[name])
    return [pytest.mark.service(server) for server in SERVERS if name.endswith(server)]


PARAMS = [pytest.param(name, marks=_needed(name)) for name in sorted(HISTORIES)]
"""For fixtures' `params`."""
