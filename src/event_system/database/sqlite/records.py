"""The state of alerting and of what comes after it, in `alerting.db`."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

import apsw

from event_system.database.saving import Saving
from event_system.kernel.errors import StorageError
from event_system.kernel.records import Changes
from event_system.sqlite.files import check_small, guarding
from event_system.sqlite.transactions import transaction

ALERTING_FILE: Final = "alerting.db"
LOST_ALERTING: Final = (
    "It holds alerts, silences, incidents and what was told of them: bring it back from a backup, "
    "or move it away: silences and incidents are gone then, and what fires is told once more."
)
ROOM_BYTES: Final = 4_200_000
"""Of the write-ahead log: what SQLite lets it grow to before it begins anew, 1,000 pages."""
PLENTY: Final = 20
"""A disk has room where it has so many times as much."""
_DDL: Final = "CREATE TABLE IF NOT EXISTS records (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL)"
"""Without an index: keys are random, and would dirty a page each. Rows are known by their ids."""
_PUT: Final = (
    "INSERT INTO records (rowid, kind, key, value) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (rowid) DO UPDATE SET value = excluded.value"
)
_DROP: Final = "DELETE FROM records WHERE rowid = ?"
_IDS: Final = "SELECT kind, key, rowid FROM records"


class SqliteRecords:
    """Implements `kernel.records.Records`. Raises `DamagedFileError` where it cannot open."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / ALERTING_FILE
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._saving = Saving(self._save)
        with guarding(self._path, LOST_ALERTING):
            self._connection = _connect(self._path)
            self._ids: defaultdict[str, dict[str, int]] = defaultdict(dict)
            for kind, key, id_ in self._connection.execute(_IDS):
                self._ids[kind][key] = id_
        last = max((id_ for ids in self._ids.values() for id_ in ids.values()), default=0)
        self._new_ids = count(last + 1)

    async def load(self, kind: str) -> dict[str, bytes]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._load, kind)

    def _load(self, kind: str) -> dict[str, bytes]:
        rows = "SELECT key, value FROM records WHERE kind = ?"
        with guarding(self._path, LOST_ALERTING):
            return dict(self._connection.execute(rows, (kind,)))

    async def save(self, changes: Changes) -> None:
        await self._saving.save(changes)

    async def _save(self, changes: Changes) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._write, changes)

    def _write(self, changes: Changes) -> None:
        rows = [
            (self._ids[kind].get(key) or next(self._new_ids), kind, key, value)
            for kind, found in changes.items()
            for key, value in found.items()
            if value is not None or key in self._ids[kind]
        ]
        put = [row for row in rows if row[3] is not None]
        gone = [row for row in rows if row[3] is None]
        try:
            with transaction(self._connection):
                self._connection.executemany(_PUT, put)
                self._connection.executemany(_DROP, [row[:1] for row in gone])
        except (apsw.Error, OSError) as error:
            raise StorageError(f"{self._path.name}: {error}") from error
        for id_, kind, key, _ in put:
            self._ids[kind][key] = id_
        for _, kind, key, _ in gone:
            del self._ids[kind][key]

    async def close(self) -> None:
        """Wait for what is being saved, and close the file; nothing may be asked afterwards."""
        await self._saving.drain()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown(wait=False)


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    check_small(connection)
    connection.execute(_DDL)
    _extend(Path(f"{path}-wal"), ROOM_BYTES)
    return connection


def _extend(log: Path, size: int) -> None:
    """Fill a write-ahead log with zeros, which SQLite takes for no frames, to a size.

    A commit that makes the file no larger is on the disk in two thirds of the time. Where there is
    little room the file stays as it was: others need what is left.
    """
    if shutil.disk_usage(log.parent).free < PLENTY * size:
        return
    with suppress(OSError), log.open("r+b", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        zeros = bytes(max(0, size - before))
        if file.write(zeros) < len(zeros):
            file.truncate(before)
        os.fsync(file.fileno())
