"""The board of a node among others: what it handles with care is known to all of them.

A place is shown in a transaction of its own, before its event is handled; those of a moment go
together. So it costs a round trip an event, and is for the few after a node has died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from event_system.database.board import CELLS, MappedBoard
from event_system.database.sql.access import Access
from event_system.database.sql.many import Upsert, one_of, replaced
from event_system.sql.tables.cluster import IN_HAND

_SHOW: Final = Upsert(IN_HAND, ("place", "event"), ("place",), event=replaced)


class ServerBoard(MappedBoard):
    """Implements `delivery.board.Board`."""

    def __init__(self, directory: Path, access: Access) -> None:
        super().__init__(directory)
        self._access = access
        self._keys: Sequence[str] = ()
        self._waiting: dict[str, int] = {}
        self._writing = asyncio.Lock()

    def lay(self, keys: Sequence[str]) -> list[int]:
        self._keys = keys
        return super().lay(keys)

    async def show(self, place: int, offset: int) -> None:
        self._waiting[self._keys[place // CELLS]] = offset
        async with self._writing:
            if not self._waiting:
                return  # whoever wrote before has taken it along
            shown, self._waiting = self._waiting, {}
            rows = [{"place": key, "event": at} for key, at in shown.items()]
            try:
                await self._access.write(lambda connection: _SHOW.run(connection, rows))
            except BaseException:
                self._waiting = shown | self._waiting
                raise

    async def shown(self, keys: Collection[str]) -> dict[str, int]:
        asked = sa.select(IN_HAND).where(IN_HAND.c.event > 0)
        rows = await self._access.read(lambda connection: connection.execute(asked).all())
        found = {row.place: row.event for row in rows}
        return {key: found[key] for key in keys if key in found}

    async def forget(self, keys: Collection[str]) -> None:
        def forget(connection: sa.Connection) -> None:
            connection.execute(
                IN_HAND.delete().where(one_of(connection, IN_HAND.c.place, list(keys)))
            )

        if keys:
            await self._access.write(forget)
