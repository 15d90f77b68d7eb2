"""The tables of one batch listener, in a file of its own.

A file of its own means a write lock of its own: however long a listener keeps its transaction
open, no other listener waits for it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
from xxhash import xxh3_64_hexdigest

from event_system.database.retry_rows import Known, RetryRows, look
from event_system.database.sqlite.retries import RetryTable
from event_system.delivery.ports import Failure
from event_system.events.ports import Transaction
from event_system.kernel.threads import in_own_thread, in_thread
from event_system.sqlite.transactions import transaction

T = TypeVar("T")

_DDL = """
CREATE TABLE IF NOT EXISTS event_system_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    offset INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS event_system_replay (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    mark TEXT NOT NULL,
    offset INTEGER NOT NULL
);
"""
_SAVE = "UPDATE event_system_cursor SET offset = max(offset, ?) WHERE id = 1"
_SAVE_REPLAY = "UPDATE event_system_replay SET offset = max(offset, ?) WHERE id = 1"
_LIVE = "SELECT offset FROM event_system_cursor"
_REPLAYED = "SELECT offset FROM event_system_replay"
INTERRUPT_SECONDS = 0.02
"""How often a statement is interrupted until it ends: it may have been about to begin."""
_BEGIN_REPLAY = """
INSERT INTO event_system_replay VALUES (1, :mark, :start)
ON CONFLICT (id) DO UPDATE SET mark = :mark, offset = :start WHERE mark <> :mark
"""


def file_name(listener: str) -> str:
    """A file name for a listener, readable and unique."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", listener)[:60]
    return f"{plain}-{xxh3_64_hexdigest(listener.encode())[:8]}.db"


def read_cursor(path: Path) -> int | None:
    """The cursor in a batch listener's file; None where there is none to be read."""
    if not path.exists():
        return None
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(connection.execute(_LIVE).get)
        finally:
            connection.close()
    except (apsw.Error, TypeError):
        return None


class SqliteTransaction:
    """Implements `events.ports.Transaction`. Begins with the first statement.

    `using` is held while a statement runs.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.open = True
        self.using = threading.Lock()

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        with self.using:
            return self._begun().execute(sql, parameters).fetchall()

    def executemany(self, sql: str, rows: Sequence[Sequence[Any] | Mapping[str, Any]]) -> None:
        with self.using:
            self._begun().executemany(sql, rows)

    def _begun(self) -> apsw.Connection:
        if not self.open:
            raise RuntimeError("this batch's transaction has ended (did the batch time out?)")
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        return self._connection

    def interrupt(self) -> None:
        """Bring a statement that is running to its end, and let none begin: `using` is taken."""
        while not self.using.acquire(timeout=INTERRUPT_SECONDS):
            self._connection.interrupt()


class BatchTables:
    """A listener's file: what its live delivery and its replay share.

    One connection writes, under `lock`: whoever begins a transaction has it until the end.
    Another one reads failures, so that looking at them never waits for the listener.
    """

    def __init__(self, listener: str, connect: Callable[[], apsw.Connection]) -> None:
        self.listener = listener
        self.connection = connection = connect()
        self.lock = asyncio.Lock()
        self.endings: set[asyncio.Future[None]] = set()
        self._reader = connect()
        self._reading = asyncio.Lock()
        connection.execute(_DDL)
        self.failures = RetryTable("event_system_retries")
        self.failures.create(connection)
        known = look(self.failures, connection)
        self.retries = RetryRows(self.failures, self.read, self.transact, known)

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        async with self._reading:
            return await in_thread(work, self._reader)

    async def transact(self, work: Callable[[apsw.Connection], T]) -> T:
        def write() -> T:
            with transaction(self.connection):
                return work(self.connection)

        async with self.lock:
            return await in_thread(write)

    def close(self) -> None:
        self.connection.close()
        self._reader.close()


class SqliteBatchStore:
    """Implements `delivery.ports.BatchStore`.

    `save` is the statement that moves its cursor, `load` the one that reads it.
    """

    def __init__(self, tables: BatchTables, cursor: int, save: str, load: str) -> None:
        self.cursor = cursor
        self._load = load
        self._tables = tables
        self._connection = tables.connection
        self._save = save

    @property
    def retries(self) -> RetryRows[apsw.Connection]:
        return self._tables.retries

    async def replaying(self, mark: str, start: int) -> SqliteReplayStore:
        def begin(connection: apsw.Connection) -> int:
            connection.execute(_BEGIN_REPLAY, {"mark": mark, "start": start})
            return int(connection.execute(_REPLAYED).get)

        cursor = await self._tables.transact(begin)
        return SqliteReplayStore(self._tables, cursor, _SAVE_REPLAY, _REPLAYED)

    async def refresh(self) -> int:
        self.cursor = await self._tables.read(lambda c: int(c.execute(self._load).get))
        return self.cursor

    async def begin(self) -> SqliteTransaction:
        await self._tables.lock.acquire()
        return SqliteTransaction(self._connection)

    async def commit(self, transaction: Transaction, cursor: int, done: int | None = None) -> None:
        assert isinstance(transaction, SqliteTransaction)
        known = await in_thread(self._finish, transaction, cursor, done)
        if known is not None:
            self.retries.note(known)
        self.cursor = max(cursor, self.cursor)
        transaction.open = False
        self._tables.lock.release()

    def _finish(
        self, transaction: SqliteTransaction, cursor: int, done: int | None
    ) -> Known | None:
        """In a thread: statements that wait for nobody cost the event loop time all the same."""
        tables, known = self._tables, None
        transaction.execute(self._save, (cursor,))
        if done is not None:
            tables.failures.settle(self._connection, (), [(tables.listener, done)])
            known = look(tables.failures, self._connection)
        self._connection.execute("COMMIT")
        return known

    def roll_back(self, transaction: Transaction) -> bool:
        assert isinstance(transaction, SqliteTransaction)
        transaction.open = False
        if transaction.using.acquire(blocking=False):
            self._undo(transaction)
        else:  # a given-up handler is still running a statement
            name = f"end of a batch of {self._tables.listener}"
            ending = in_own_thread(transaction.interrupt, name)
            self._tables.endings.add(ending)
            ending.add_done_callback(self._tables.endings.discard)
            ending.add_done_callback(lambda _: self._undo(transaction))
        return False

    def _undo(self, transaction: SqliteTransaction) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        transaction.using.release()
        self._tables.lock.release()

    async def advance(self, cursor: int, failure: Failure | None = None) -> None:
        if failure is None:
            async with self._tables.lock:
                await in_thread(self._connection.execute, self._save, (cursor,))
        else:
            known = await self._tables.transact(lambda c: self._fail(c, cursor, failure))
            self.retries.note(known)
        self.cursor = max(cursor, self.cursor)

    def _fail(self, connection: apsw.Connection, cursor: int, failure: Failure) -> Known:
        connection.execute(self._save, (cursor,))
        self._tables.failures.record(connection, [failure])
        return look(self._tables.failures, connection)

    async def failures_of(self, offset: int) -> list[Failure]:
        return await self._tables.read(lambda c: self._tables.failures.of(c, offset))

    async def failures_after(self, offset: int) -> list[Failure]:
        return await self._tables.read(lambda c: self._tables.failures.after(c, offset))

    async def failed_offsets(self, first: int, last: int) -> list[int]:
        return await self._tables.read(lambda c: self._tables.failures.offsets(c, first, last))

    def close(self) -> None:
        self._tables.close()


class SqliteReplayStore(SqliteBatchStore):
    """The store of a replay, in the tables of its listener."""

    def close(self) -> None:
        """The tables stay open: they are the live delivery's."""


def open_tables(
    listener: str, connect: Callable[[], apsw.Connection], start: int
) -> SqliteBatchStore:
    """The store of a listener's live delivery; a new one begins after offset `start`."""
    tables = BatchTables(listener, connect)
    tables.connection.execute("INSERT OR IGNORE INTO event_system_cursor VALUES (1, ?)", (start,))
    cursor = tables.connection.execute(_LIVE).get
    return SqliteBatchStore(tables, cursor, _SAVE, _LIVE)
