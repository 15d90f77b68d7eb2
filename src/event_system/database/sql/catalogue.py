"""The catalogue of event types on a server: primary data, durable once a call has returned."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.database.sql.many import Upsert, replaced
from event_system.events.catalogue.entry import TypeEntry, from_bytes, to_bytes
from event_system.sql.database import Database
from event_system.sql.tables.state import EVENT_TYPES

_PUT: Final = Upsert(EVENT_TYPES, ("name", "entry"), ("name",), entry=replaced)


class ServerCatalogue:
    """Implements `events.ports.CatalogueStore`. Any node may change it: there is no fence."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> list[TypeEntry]:
        """As the port says. Blocks. Raises `StorageError`."""
        with self._database.connect_sync() as connection:
            asked = sa.select(EVENT_TYPES.c.entry).order_by(EVENT_TYPES.c.name)
            return [from_bytes(bytes(entry)) for entry in connection.scalars(asked)]

    async def put(self, entry: TypeEntry) -> None:
        row = {"name": entry.name, "entry": to_bytes(entry)}

        async def put(connection: AsyncConnection) -> None:
            await connection.run_sync(lambda each: _PUT.run(each, [row]))

        await self._database.perform(put)

    async def delete(self, name: str) -> None:
        gone = EVENT_TYPES.delete().where(EVENT_TYPES.c.name == name)
        await self._database.perform(lambda connection: connection.execute(gone))
