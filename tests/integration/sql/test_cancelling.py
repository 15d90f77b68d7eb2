"""A task that is cancelled in the middle of a transaction ends as cancelled, whatever else fails."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.sql.database import Database
from tests.support.sql import ENGINES, SharedDatabases, opened

OWN_END = {
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
    "mysql": "KILL CONNECTION_ID()",
}


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_rollback_that_fails_hides_no_cancellation(
    engine: str, databases: SharedDatabases
) -> None:
    began = asyncio.Event()

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(sa.text("SELECT 1"))
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await connection.execute(sa.text(OWN_END[connection.dialect.name]))

    async with opened(databases.fresh(engine)) as database:
        task = asyncio.create_task(_perform(database, work))
        await began.wait()
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()


async def _perform(database: Database, work: object) -> None:
    await database.perform(work)  # type: ignore[arg-type]
