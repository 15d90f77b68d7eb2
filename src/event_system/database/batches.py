"""The tables of one batch listener, in a file of its own.

A file of its own means a write lock of its own: however long a listener keeps its transaction
open, no other listener waits for it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import apsw
from xxhash import xxh3_64_hexdigest

from event_system.events.ports import Transaction

_DDL = """
CREATE TABLE IF NOT EXISTS event_system_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    offset INTEGER NOT NULL
);
"""
_SAVE = "UPDATE event_system_cursor SET offset = ? WHERE id = 1"


def file_name(listener: str) -> str:
    """A file name for a listener, readable and unique."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", listener)[:60]
    return f"{plain}-{xxh3_64_hexdigest(listener.encode())[:8]}.db"


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
    """Implements `delivery.ports.BatchStore`."""

    def __init__(self, connection: apsw.Connection, start: int) -> None:
        self._connection = connection
        connection.execute(_DDL)
        connection.execute("INSERT OR IGNORE INTO event_system_cursor VALUES (1, ?)", (start,))
        self.cursor: int = connection.execute("SELECT offset FROM event_system_cursor").get

    def begin(self) -> SqliteTransaction:
        return SqliteTransaction(self._connection)

    async def commit(self, transaction: Transaction, cursor: int) -> None:
        transaction.execute(_SAVE, (cursor,))
        await asyncio.to_thread(self._connection.execute, "COMMIT")
        self.cursor = cursor
        if isinstance(transaction, SqliteTransaction):
            transaction.open = False

    def roll_back(self, transaction: Transaction) -> None:
        if isinstance(transaction, SqliteTransaction):
            transaction.open = False
        self._connection.interrupt()  # a statement that a given-up handler is still running
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    async def advance(self, cursor: int) -> None:
        await asyncio.to_thread(self._connection.execute, _SAVE, (cursor,))
        self.cursor = cursor

    def close(self) -> None:
        self._connection.close()
