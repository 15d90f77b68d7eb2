"""The catalogue of event types in `catalogue.db`: primary data, on stable storage at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import apsw

from event_system.events.catalogue.changes import check_unchanged
from event_system.events.catalogue.entry import TypeEntry, from_bytes, to_bytes
from event_system.kernel.errors import DamagedFileError, StorageError
from event_system.sqlite.files import check_small, guarding

CATALOGUE_FILE: Final = "catalogue.db"
LOST_CATALOGUE = (
    "It holds the event types that were made over the API: bring it back from a backup, or move "
    "it away and make them again."
)
_DDL = "CREATE TABLE IF NOT EXISTS types (name TEXT PRIMARY KEY, entry BLOB NOT NULL) WITHOUT ROWID"
_PUT = "INSERT INTO types VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET entry = excluded.entry"
_DELETE = "DELETE FROM types WHERE name = ?"
_ENTRY = "SELECT entry FROM types WHERE name = ?"
_ENTRIES = "SELECT entry FROM types ORDER BY name"


class SqliteCatalogue:
    """Implements `events.ports.CatalogueStore`. Every change ends in an fsync.

    The file holds few and small rows, so each entry is one row of JSON. Raises
    `DamagedFileError` and `DataDirectoryError` where the file cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / CATALOGUE_FILE
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="catalogue")
        self.is_new = not self._path.exists()
        with guarding(self._path, LOST_CATALOGUE):
            self._connection = _connect(self._path)

    def load(self) -> list[TypeEntry]:
        with guarding(self._path, LOST_CATALOGUE):
            return read_entries(self._connection, self._path)

    async def put(self, entry: TypeEntry, before: TypeEntry | None) -> None:
        await self._write(entry.name, before, _PUT, (entry.name, to_bytes(entry)))

    async def delete(self, before: TypeEntry) -> None:
        await self._write(before.name, before, _DELETE, (before.name,))

    async def _write(
        self, name: str, before: TypeEntry | None, sql: str, values: Sequence[Any]
    ) -> None:
        def write() -> None:
            check_unchanged(name, self._stored(name), before)
            self._connection.execute(sql, values)

        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, write)
        except apsw.Error as error:
            raise StorageError(f"{self._path.name}: {error}") from error

    def _stored(self, name: str) -> TypeEntry | None:
        raw = self._connection.execute(_ENTRY, (name,)).get
        return None if raw is None else from_bytes(raw)

    async def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown(wait=False)


def read_entries(connection: apsw.Connection, path: Path) -> list[TypeEntry]:
    """All entries by name. Raises `DamagedFileError`, and what SQLite raises."""
    try:
        return [from_bytes(row[0]) for row in connection.execute(_ENTRIES)]
    except ValueError as error:
        raise DamagedFileError(f"{path}: {error}. {LOST_CATALOGUE}", where=str(path)) from error


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    check_small(connection)
    connection.execute(_DDL)
    return connection
