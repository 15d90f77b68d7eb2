"""A task that is cancelled in the middle of a transaction ends as cancelled, whatever else fails."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.sql.database import Database, Work
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
        assert await cancelled(database, work, began)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_driver_that_loses_a_cancellation_hides_none(
    engine: str, databases: SharedDatabases
) -> None:
    began = asyncio.Event()

    async def work(connection: AsyncConnection) -> None:
        began.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await connection.execute(sa.text("SELECT 1"))

    async with opened(databases.fresh(engine)) as database:
        assert await cancelled(database, work, began)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_task_that_was_cancelled_before_may_still_write(
    engine: str, databases: SharedDatabases
) -> None:
    began, done = asyncio.Event(), []

    async def last_words(database: Database) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            done.append(await database.perform(one))

    async with opened(databases.fresh(engine)) as database:
        task = asyncio.create_task(last_words(database))
        await began.wait()
        task.cancel()
        await asyncio.wait([task])

    assert (task.cancelled(), done) == (True, [1])


async def one(connection: AsyncConnection) -> int:
    return int(await connection.scalar(sa.text("SELECT 1")) or 0)


async def cancelled(database: Database, work: Work[None], began: asyncio.Event) -> bool:
    """Whether a task ends as cancelled that is cancelled once it has begun."""
    task = asyncio.create_task(run(database, work))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def run(database: Database, work: Work[None]) -> None:
    await database.perform(work)
