"""Cursors and failed deliveries in `state.db`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from event_system.database.batches import SqliteBatchStore, file_name
from event_system.delivery.ports import Cursor, Failure, Progress

STATE_FILE = "state.db"
T = TypeVar("T")

_DDL = """
CREATE TABLE IF NOT EXISTS progress (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    routed INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS listeners (name TEXT PRIMARY KEY, start INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (
    listener TEXT NOT NULL,
    lane INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    caught_up INTEGER NOT NULL,
    PRIMARY KEY (listener, lane)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    offset INTEGER NOT NULL,
    listener TEXT NOT NULL,
    state TEXT NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (offset, listener)
) WITHOUT ROWID;
"""
_SAVE_PROGRESS = """
INSERT INTO progress (id, routed) VALUES (1, ?)
ON CONFLICT (id) DO UPDATE SET routed = max(routed, excluded.routed)
"""
_SAVE_CURSOR = """
INSERT INTO cursors (listener, lane, offset, caught_up) VALUES (?, ?, ?, ?)
ON CONFLICT (listener, lane) DO UPDATE
SET offset = max(offset, excluded.offset), caught_up = excluded.caught_up
"""
_SAVE_FAILURE = """
INSERT INTO failures (listener, offset, state, error, traceback, at_us, attempts)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (offset, listener) DO UPDATE
SET state = excluded.state, error = excluded.error, traceback = excluded.traceback,
    at_us = excluded.at_us, attempts = attempts + excluded.attempts
"""
_FAILURES = """
SELECT listener, offset, state, error, traceback, at_us, attempts FROM failures
WHERE offset = ? ORDER BY listener
"""


class StateDatabase:
    """Implements `delivery.ports.CursorStore`; all SQL runs on one thread of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._connection = connect_state(directory / STATE_FILE)
        self._connection.execute(_DDL)

    async def _run(self, work: Callable[[apsw.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, self._connection)

    async def close(self) -> None:
        await self._run(lambda connection: connection.close())
        self._thread.shutdown(wait=False)

    async def load(self) -> Progress:
        return await self._run(_load)

    async def register(self, starts: dict[str, int]) -> None:
        sql = "INSERT OR IGNORE INTO listeners (name, start) VALUES (?, ?)"
        await self._run(lambda connection: connection.executemany(sql, starts.items()))

    async def save(
        self, routed: int, cursors: Sequence[Cursor], failures: Sequence[Failure]
    ) -> None:
        def write(connection: apsw.Connection) -> None:
            with connection:
                connection.execute(_SAVE_PROGRESS, (routed,))
                connection.executemany(
                    _SAVE_CURSOR, [(c.listener, c.lane, c.offset, c.caught_up) for c in cursors]
                )
                connection.executemany(_SAVE_FAILURE, [_values(f) for f in failures])

        await self._run(write)

    async def failures_of(self, offset: int) -> list[Failure]:
        rows = await self._run(lambda connection: list(connection.execute(_FAILURES, (offset,))))
        return [Failure(*row) for row in rows]

    async def open_batches(self, listener: str, start: int) -> SqliteBatchStore:
        path = self._directory / "listeners" / file_name(listener)
        path.parent.mkdir(exist_ok=True)
        return SqliteBatchStore(connect_state(path), start)


def connect_state(path: Path) -> apsw.Connection:
    """A connection for derived state: `kill -9` harms nothing, a power cut takes a moment.

    What it takes is taken as a whole, effect and cursor, and is derived again from the log.
    """
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
    connection.execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;")
    return connection


def _load(connection: apsw.Connection) -> Progress:
    routed = next(iter(connection.execute("SELECT routed FROM progress")), (0,))[0]
    starts = dict(connection.execute("SELECT name, start FROM listeners"))
    rows = connection.execute("SELECT listener, lane, offset, caught_up FROM cursors")
    cursors = {(r[0], r[1]): Cursor(r[0], r[1], r[2], bool(r[3])) for r in rows}
    return Progress(routed, starts, cursors)


def _values(f: Failure) -> tuple[str, int, str, str, str, int, int]:
    return f.listener, f.offset, f.state, f.error, f.traceback, f.at_us, f.attempts
