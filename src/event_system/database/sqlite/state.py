"""Cursors in `state.db`, and failed deliveries of all but batch listeners."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from event_system.database.retry_rows import Known, RetryRows, look
from event_system.database.sqlite.batches import SqliteBatchStore, file_name, open_tables
from event_system.database.sqlite.listeners import PAUSES_DDL, KnownListeners, PauseTable
from event_system.database.sqlite.replays import REPLAYS_DDL, ReplayTable, save_replays
from event_system.database.sqlite.retries import RetryTable
from event_system.delivery.ports import Cursor, Failure, Progress
from event_system.delivery.replays.replay import Replay
from event_system.sqlite.files import belong, check_small, guarding
from event_system.sqlite.transactions import transaction

STATE_FILE = "state.db"
LOST_STATE = "Bring it back from a backup, or move it away: then listeners start as new ones."
LOST_LISTENER = "Bring it back from a backup, or move it away: then its listener starts as new."
T = TypeVar("T")
_log = logging.getLogger(__name__)

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
DROP TABLE IF EXISTS failures;
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


class StateDatabase:
    """Implements `delivery.ports.CursorStore`; all SQL runs on one thread of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._identity = 0
        self._known: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._connection = connect_state(directory / STATE_FILE)
        with guarding(directory / STATE_FILE, LOST_STATE):
            self._connection.execute(_DDL)
            self._connection.execute(PAUSES_DDL)
            self._connection.execute(REPLAYS_DDL)
        self.pauses = PauseTable(self._run)
        self.replays = ReplayTable(self._run)
        self.known = KnownListeners(self._run, directory)
        self._table = RetryTable("retries")
        self._table.create(self._connection)
        known = look(self._table, self._connection)
        self.retries = RetryRows(self._table, self._run, self._transact, known)

    def belong_to(self, identity: int) -> None:
        """Be the state of the log of this identity. Raises `ForeignFileError`."""
        self._identity = identity
        belong(self._connection, self._directory / STATE_FILE, identity)

    async def _run(self, work: Callable[[apsw.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, self._connection)

    async def _transact(self, work: Callable[[apsw.Connection], T]) -> T:
        def write(connection: apsw.Connection) -> T:
            with transaction(connection):
                return work(connection)

        return await self._run(write)

    async def close(self) -> None:
        await self._run(lambda connection: connection.close())
        self._thread.shutdown(wait=False)

    async def load(self) -> Progress:
        progress = await self._run(_load)
        self._known = set(progress.starts)
        return progress

    async def register(self, starts: dict[str, int]) -> None:
        sql = "INSERT OR IGNORE INTO listeners (name, start) VALUES (?, ?)"
        await self._run(lambda connection: connection.executemany(sql, starts.items()))

    async def save(
        self,
        routed: int,
        cursors: Sequence[Cursor],
        failures: Sequence[Failure],
        done: Sequence[tuple[str, int]] = (),
        replays: Sequence[Replay] = (),
    ) -> None:
        def write(connection: apsw.Connection) -> Known | None:
            connection.execute(_SAVE_PROGRESS, (routed,))
            connection.executemany(
                _SAVE_CURSOR, [(c.listener, c.lane, c.offset, c.caught_up) for c in cursors]
            )
            save_replays(connection, replays)
            if not (failures or done):
                return None
            self._table.record(connection, failures)
            self._table.settle(connection, (), done)
            return look(self._table, connection)

        if (known := await self._transact(write)) is not None:
            self.retries.note(known)

    async def failures_of(self, offset: int) -> list[Failure]:
        return await self._run(lambda connection: self._table.of(connection, offset))

    async def failures_after(self, offset: int) -> list[Failure]:
        return await self._run(lambda connection: self._table.after(connection, offset))

    async def failed_offsets(self, first: int, last: int) -> list[int]:
        return await self._run(lambda connection: self._table.offsets(connection, first, last))

    async def open_batches(self, listener: str, start: int) -> SqliteBatchStore:
        path = self._directory / "listeners" / file_name(listener)
        path.parent.mkdir(exist_ok=True)
        if listener in self._known and not path.exists():
            _log.warning("%s was missing: the listener %s starts as new", path, listener)
        return open_tables(listener, lambda: self._connect(path), start)

    def _connect(self, path: Path) -> apsw.Connection:
        connection = connect_state(path)
        if self._identity:
            belong(connection, path, self._identity)
        return connection


def connect_state(path: Path) -> apsw.Connection:
    """A connection for derived state: `kill -9` harms nothing, a power cut takes a moment.

    What it takes is taken as a whole, effect and cursor, and is derived again from the log.
    Raises `DamagedFileError`.
    """
    with guarding(path, LOST_STATE if path.name == STATE_FILE else LOST_LISTENER):
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(5000)
        connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        connection.execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;")
        check_small(connection)
    return connection


def _load(connection: apsw.Connection) -> Progress:
    routed = next(iter(connection.execute("SELECT routed FROM progress")), (0,))[0]
    starts = dict(connection.execute("SELECT name, start FROM listeners"))
    rows = connection.execute("SELECT listener, lane, offset, caught_up FROM cursors")
    cursors = {(r[0], r[1]): Cursor(r[0], r[1], r[2], bool(r[3])) for r in rows}
    return Progress(routed, starts, cursors)
