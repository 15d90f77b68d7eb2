"""Pauses, and what is kept of listeners that are no longer loaded, in `state.db`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw

from event_system.database.sqlite.batches import file_name, read_cursor
from event_system.kernel.threads import in_thread
from event_system.sqlite.transactions import transaction

T = TypeVar("T")

PAUSES_DDL = """
CREATE TABLE IF NOT EXISTS pauses (
    listener TEXT PRIMARY KEY,
    until_us INTEGER NOT NULL
) WITHOUT ROWID;
"""
_PUT = """
INSERT INTO pauses (listener, until_us) VALUES (?, ?)
ON CONFLICT (listener) DO UPDATE SET until_us = excluded.until_us
"""
_OF_LISTENERS = (
    ("listeners", "name"),
    ("cursors", "listener"),
    ("retries", "listener"),
    ("pauses", "listener"),
    ("replays", "listener"),
)
"""Tables, and the column that names the listener."""


class Run(Protocol):
    """Calls a function with the state database's connection, on its thread."""

    def __call__(self, work: Callable[[apsw.Connection], T]) -> Awaitable[T]: ...


class PauseTable:
    """Implements `delivery.ports.PauseStore`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def load(self) -> dict[str, int]:
        sql = "SELECT listener, until_us FROM pauses"
        return await self._run(lambda connection: dict(connection.execute(sql)))

    async def put(self, listener: str, until_us: int) -> None:
        await self._run(lambda connection: connection.execute(_PUT, (listener, until_us)))

    async def drop(self, listener: str) -> None:
        sql = "DELETE FROM pauses WHERE listener = ?"
        await self._run(lambda connection: connection.execute(sql, (listener,)))


class KnownListeners:
    """Implements `delivery.ports.ListenerStore`."""

    def __init__(self, run: Run, directory: Path) -> None:
        self._run = run
        self._directory = directory

    async def batch_cursor(self, listener: str) -> int | None:
        return await in_thread(read_cursor, self._path(listener))

    async def purge(self, listener: str) -> None:
        await in_thread(_delete, self._path(listener))

        def forget(connection: apsw.Connection) -> Any:
            with transaction(connection):
                for table, column in _OF_LISTENERS:
                    sql = f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 - our own names
                    connection.execute(sql, (listener,))

        await self._run(forget)

    def _path(self, listener: str) -> Path:
        return self._directory / "listeners" / file_name(listener)


def _delete(path: Path) -> None:
    """The file with its journal; the journal goes last, as it is nothing without the file."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
