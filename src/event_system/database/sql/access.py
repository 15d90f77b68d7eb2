"""The ways to the server: reading, and transactions that only a member of the cluster may make."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.sql.database import Database

T = TypeVar("T")
Fence: TypeAlias = Callable[[sa.Connection], None]
"""Raises `LeaseLostError` unless this node may write; the last thing in a transaction."""


class Access:
    """Calls functions with a connection. Both raise `StorageError` where the server is away."""

    def __init__(self, database: Database, fence: Fence) -> None:
        self.database = database
        self.fence = fence

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        async with self.database.read() as connection:
            return await connection.run_sync(work)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """`work` in a transaction; it may run again from its beginning, only the last run counts.

        Where the commit's connection is lost it may have been made: `work` has to be one that
        can be repeated.
        """

        async def whole(connection: AsyncConnection) -> T:
            result = await connection.run_sync(work)
            await connection.run_sync(self.fence)
            return result

        return await self.database.perform(whole)
