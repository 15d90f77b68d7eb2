"""Pauses, and what is kept of listeners that are no longer loaded, on a server."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from event_system.database.sql.access import Access
from event_system.database.sql.many import Upsert, replaced
from event_system.database.sql.retries import ServerFailures
from event_system.delivery.ports import BLOCKING, DEAD, RETRYING, Selection
from event_system.sql.tables.state import (
    BATCH_CURSORS,
    CURSORS,
    FAILURE_CLOCKS,
    FAILURE_COUNTS,
    LISTENERS,
    PAUSES,
    REPLAYS,
)

_PUT: Final = Upsert(PAUSES, ("listener", "until_us"), ("listener",), until_us=replaced)
_OF_LISTENERS: Final = (
    LISTENERS.c.name,
    CURSORS.c.listener,
    FAILURE_COUNTS.c.listener,
    FAILURE_CLOCKS.c.listener,
    PAUSES.c.listener,
    REPLAYS.c.listener,
    BATCH_CURSORS.c.listener,
)
"""The columns that name the listener, one for each table but that of its failures."""
_STEP: Final = 2_000


class ServerPauses:
    """Implements `delivery.ports.PauseStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def load(self) -> dict[str, int]:
        asked = sa.select(PAUSES.c.listener, PAUSES.c.until_us)
        return await self._access.read(
            lambda c: {row.listener: row.until_us for row in c.execute(asked)}
        )

    async def put(self, listener: str, until_us: int) -> None:
        row = {"listener": listener, "until_us": until_us}
        await self._access.write(lambda connection: _PUT.run(connection, [row]))

    async def drop(self, listener: str) -> None:
        gone = PAUSES.delete().where(PAUSES.c.listener == listener)
        await self._access.write(lambda connection: connection.execute(gone))


class ServerListeners:
    """Implements `delivery.ports.ListenerStore`. What a listener made itself stays."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def batch_cursor(self, listener: str) -> int | None:
        c = BATCH_CURSORS.c
        asked = sa.select(c.offset).where(c.listener == listener, c.mark == "")
        return await self._access.read(lambda connection: connection.scalar(asked))

    async def purge(self, listener: str) -> None:
        for table in (ServerFailures(), ServerFailures(listener)):
            for state in (RETRYING, BLOCKING, DEAD):
                await self._discard(table, Selection(listener=listener, state=state))

        def forget(connection: sa.Connection) -> None:
            for column in _OF_LISTENERS:
                connection.execute(column.table.delete().where(column == listener))

        await self._access.write(forget)

    async def _discard(self, table: ServerFailures, wanted: Selection) -> None:
        step = await self._access.write(lambda c: table.discard(c, wanted, _STEP, None))
        while step.next is not None:
            step = await self._access.write(lambda c: table.discard(c, wanted, _STEP, None))
