"""What other nodes may have changed on the server, asked for again."""

from __future__ import annotations

from collections.abc import Sequence

from event_system.database.sql.catalogue import ServerCatalogue
from event_system.database.sql.state import ServerState
from event_system.eventlog.sql.delayed import SqlDelayedStore
from event_system.eventlog.sql.schedules import LOAD, kept
from event_system.scheduling.ports import KeptSchedule
from event_system.sql.database import Database


class ServerElsewhere:
    """Implements `node.stores.Elsewhere`."""

    def __init__(self, database: Database, state: ServerState, types: ServerCatalogue) -> None:
        self._database = database
        self._state = state
        self._types = types

    async def schedules(self) -> Sequence[KeptSchedule]:
        async with self._database.read() as connection:
            return [kept(row) for row in await connection.execute(LOAD)]

    async def waiting(self) -> tuple[int, int | None]:
        async with self._database.read() as connection:
            number, next_us = (await connection.execute(SqlDelayedStore.standing())).one()
            return number, next_us

    async def have_types_changed(self) -> bool:
        return await self._types.has_changed()

    async def failures(self) -> None:
        await self._state.look()
