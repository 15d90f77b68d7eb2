"""What alerting keeps, on a server: written by the node alone that has the task."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import sqlalchemy as sa

from event_system.database.saving import Saving
from event_system.database.sql.access import Access, Fence
from event_system.database.sql.many import Upsert, one_of, parts, replaced
from event_system.kernel.records import Changes
from event_system.sql.database import Database
from event_system.sql.tables.records import LONGEST_DIGEST, RECORDS

R: Final = RECORDS.c
_PUT: Final = Upsert(
    RECORDS, ("kind", "digest", "name", "value"), ("kind", "digest"), value=replaced
)


class ServerRecords:
    """Implements `kernel.records.Records`.

    `fence` is the last of each transaction: it raises `LeaseLostError` where another node may have
    the task.
    """

    def __init__(self, database: Database, fence: Fence) -> None:
        self._access = Access(database, fence)
        self._saving = Saving(self._write)

    async def load(self, kind: str) -> dict[str, bytes]:
        rows = sa.select(R.name, R.value).where(R.kind == kind)
        found = await self._access.read(lambda connection: connection.execute(rows).all())
        return {bytes(name).decode(): bytes(value) for name, value in found}

    async def save(self, changes: Changes) -> None:
        await self._saving.save(changes)

    async def _write(self, changes: Changes) -> None:
        def work(connection: sa.Connection) -> None:
            for kind, rows in changes.items():
                _put(connection, kind, {k: v for k, v in rows.items() if v is not None})
                _drop(connection, kind, [key for key, value in rows.items() if value is None])

        await self._access.write(work)

    async def close(self) -> None:
        """Wait for what is being saved."""
        await self._saving.drain()


def _put(connection: sa.Connection, kind: str, rows: dict[str, bytes]) -> None:
    found = [
        {"kind": kind, "digest": digest(key), "name": key.encode(), "value": value}
        for key, value in rows.items()
    ]
    if found:
        _PUT.run(connection, found)


def _drop(connection: sa.Connection, kind: str, keys: list[str]) -> None:
    for some in parts([digest(key) for key in keys]):
        connection.execute(
            RECORDS.delete().where(R.kind == kind, one_of(connection, R.digest, some))
        )


def digest(key: str) -> str:
    return blake2b(key.encode(), digest_size=LONGEST_DIGEST).hexdigest()
