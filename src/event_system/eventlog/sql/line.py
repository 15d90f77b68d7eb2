"""The one connection through which a node appends, kept for as long as it is sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.sql.database import Database
from event_system.sql.failures import translated


class Line:
    """A connection out of the pool, in autocommit: whoever uses it begins and ends transactions.

    It is taken anew after as long as any connection may live.
    """

    def __init__(self, database: Database, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._monotonic = monotonic
        self._connection: AsyncConnection | None = None
        self._until = 0.0

    async def take(self) -> tuple[AsyncConnection, Any]:
        """SQLAlchemy's connection, and the driver's own in it. Raises `StorageError`."""
        if self._connection is not None and self._monotonic() >= self._until:
            await self.close()
        if self._connection is None:
            with translated():
                taken = await self._database.pool.connection()
                try:
                    self._connection = await taken.execution_options(isolation_level="AUTOCOMMIT")
                except BaseException:
                    await asyncio.shield(taken.invalidate())
                    await asyncio.shield(taken.close())
                    raise
            self._until = self._monotonic() + self._database.pool.settings.conn_max_lifetime
        raw = await self._connection.get_raw_connection()
        return self._connection, raw.driver_connection

    async def discard(self) -> None:
        """Close the connection rather than use it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.shield(connection.invalidate())
            await asyncio.shield(connection.close())

    async def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with translated():
                await asyncio.shield(connection.close())
