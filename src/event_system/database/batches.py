"""The tables of one batch listener, in a file of its own.

A file of its own means a write lock of its own: however long a listener keeps its transaction
open, no other listener waits for it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
from xxhash import xxh3_64_hexdigest

from event_system.database.retries import RetryRows, RetryTable
from event_system.delivery.ports import Failure
from event_system.events.ports import Transaction

T = TypeVar("T")

_DDL = """
CREATE TABLE IF NOT EXISTS event_system_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    offset INTEGER NOT NULL
);
"""
_SAVE = "UPDATE event_system_cursor SET offset = max(offset, ?) WHERE id = 1"


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
            return int(connection.execute("SELECT offset FROM event_system_cursor").get)
        finally:
            connection.close()
    except (apsw.Error, TypeError):
        return None


class SqliteTransaction:
    """Implements `events.ports.Transaction`. Begins with the first statement."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.open = True

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        return self._begun().execute(sql, parameters).fetchall()

    def executemany(self, sql: str, rows: Sequence[Sequence[Any] | Mapping[str, Any]]) -> None:
        self._begun().executemany(sql, rows)

    def _begun(self) -> apsw.Connection:
        if not self.open:
            raise RuntimeError("this batch's transaction has ended (did the batch time out?)")
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        return self._connection


class SqliteBatchStore:
    """Implements `delivery.ports.BatchStore`.

    One connection writes, under `_lock`: whoever begins a transaction has it until the end.
    Another one reads failures, so that looking at them never waits for the listener.
    """

    def __init__(self, listener: str, connect: Callable[[], apsw.Connection], start: int) -> None:
        self._listener = listener
        self._connection = connection = connect()
        self._reader = connect()
        self._lock = asyncio.Lock()
        self._reading = asyncio.Lock()
        connection.execute(_DDL)
        connection.execute("INSERT OR IGNORE INTO event_system_cursor VALUES (1, ?)", (start,))
        self.cursor: int = connection.execute("SELECT offset FROM event_system_cursor").get
        self._table = RetryTable("event_system_retries")
        self._table.create(connection)
        counts = self._table.counts(connection)
        self.retries = RetryRows(self._table, self._read, self._transact, counts)

    async def begin(self) -> SqliteTransaction:
        await self._lock.acquire()
        return SqliteTransaction(self._connection)

    async def commit(self, transaction: Transaction, cursor: int, done: int | None = None) -> None:
        transaction.execute(_SAVE, (cursor,))
        if done is not None:
            self._table.settle(self._connection, (), [(self._listener, done)])
            self.retries.refresh(self._connection)
        await asyncio.to_thread(self._connection.execute, "COMMIT")
        self.cursor = max(cursor, self.cursor)
        if isinstance(transaction, SqliteTransaction):
            transaction.open = False
        self._lock.release()

    def roll_back(self, transaction: Transaction) -> None:
        if isinstance(transaction, SqliteTransaction):
            transaction.open = False
        self._connection.interrupt()  # a statement that a given-up handler is still running
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._lock.release()

    async def advance(self, cursor: int, failure: Failure | None = None) -> None:
        if failure is None:
            async with self._lock:
                await asyncio.to_thread(self._connection.execute, _SAVE, (cursor,))
        else:
            await self._transact(lambda connection: self._fail(connection, cursor, failure))
        self.cursor = max(cursor, self.cursor)

    def _fail(self, connection: apsw.Connection, cursor: int, failure: Failure) -> None:
        connection.execute(_SAVE, (cursor,))
        self._table.record(connection, [failure])
        self.retries.refresh(connection)

    async def failures_of(self, offset: int) -> list[Failure]:
        return await self._read(lambda connection: self._table.of(connection, offset))

    async def failures_after(self, offset: int) -> list[Failure]:
        return await self._read(lambda connection: self._table.after(connection, offset))

    async def failed_offsets(self, first: int, last: int) -> list[int]:
        return await self._read(lambda connection: self._table.offsets(connection, first, last))

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        async with self._reading:
            return await asyncio.to_thread(work, self._reader)

    async def _transact(self, work: Callable[[apsw.Connection], T]) -> T:
        def write() -> T:
            with self._connection:
                result = work(self._connection)
            return result  # noqa: RET504 - mypy cannot tell that `with` lets errors pass

        async with self._lock:
            return await asyncio.to_thread(write)

    def close(self) -> None:
        self._connection.close()
        self._reader.close()
