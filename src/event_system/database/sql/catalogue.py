"""The catalogue of event types on a server: primary data, durable once a call has returned."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from event_system.database.sql.many import Upsert, added, replaced
from event_system.events.catalogue.changes import check_unchanged
from event_system.events.catalogue.entry import TypeEntry, from_bytes, to_bytes
from event_system.sql.database import Database
from event_system.sql.tables.state import CHANGES, EVENT_TYPES

_PUT: Final = Upsert(EVENT_TYPES, ("name", "entry"), ("name",), entry=replaced)
_CHANGE: Final = Upsert(CHANGES, ("name", "number"), ("name",), number=added)
_TYPES: Final = {"name": "types", "number": 1}
_NUMBER: Final = sa.select(CHANGES.c.number).where(CHANGES.c.name == _TYPES["name"])


class ServerCatalogue:
    """Implements `events.ports.CatalogueStore`.

    Any node may change it, so there is no fence: a change holds the row that counts changes, and
    is refused where what is stored is not what it was made from.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: int | None = None

    def load(self) -> list[TypeEntry]:
        """As the port says. Raises `StorageError`."""
        with self._database.connect_sync() as connection:
            known = connection.scalar(_NUMBER)  # first: what changes meanwhile is read again
            asked = sa.select(EVENT_TYPES.c.entry).order_by(EVENT_TYPES.c.name)
            found = [from_bytes(bytes(entry)) for entry in connection.scalars(asked)]
        self._known = known
        return found

    async def has_changed(self) -> bool:
        """Whether anything was changed since `load`, by whomever. Raises `StorageError`."""
        async with self._database.read() as connection:
            return await connection.scalar(_NUMBER) != self._known

    async def put(self, entry: TypeEntry, before: TypeEntry | None) -> None:
        row = {"name": entry.name, "entry": to_bytes(entry)}

        def put(connection: sa.Connection) -> None:
            _check(connection, entry.name, before)
            _PUT.run(connection, [row])

        await self._database.perform(lambda connection: connection.run_sync(put))

    async def delete(self, before: TypeEntry) -> None:
        gone = EVENT_TYPES.delete().where(EVENT_TYPES.c.name == before.name)

        def delete(connection: sa.Connection) -> None:
            _check(connection, before.name, before)
            connection.execute(gone)

        await self._database.perform(lambda connection: connection.run_sync(delete))


def _check(connection: sa.Connection, name: str, before: TypeEntry | None) -> None:
    """Let no other change in until the commit, and see that none was made since `before`."""
    _CHANGE.run(connection, [_TYPES])
    raw = connection.scalar(sa.select(EVENT_TYPES.c.entry).where(EVENT_TYPES.c.name == name))
    check_unchanged(name, None if raw is None else from_bytes(bytes(raw)), before)
