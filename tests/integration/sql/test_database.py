"""Connections, transactions, and what becomes of a driver's errors, on both servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.kernel.errors import DatabaseBusyError, DatabaseUnreachableError
from event_system.sql.database import Database
from event_system.sql.metadata import TABLE_OPTIONS, Bytes, Key, Name, Text
from event_system.sql.pool import PoolSettings
from tests.support.sql import ENGINES, SharedDatabases, connecting, opened

TABLE = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("key", Key, primary_key=True, autoincrement=False),
    sa.Column("name", Name(255)),
    sa.Column("text", Text),
    sa.Column("bytes", Bytes),
    **TABLE_OPTIONS,
)


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, databases: SharedDatabases
) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param), PoolSettings(wait=0.2)) as database:
        async with database.transaction() as connection:
            await connection.run_sync(TABLE.metadata.create_all)
        yield database
        async with database.transaction() as connection:
            await connection.run_sync(TABLE.metadata.drop_all)


async def put(database: Database, key: int, name: str = "") -> None:
    async with database.transaction() as connection:
        await connection.execute(TABLE.insert().values(key=key, name=name))


async def keys(database: Database) -> list[int]:
    async with database.read() as connection:
        found = await connection.execute(sa.select(TABLE.c.key).order_by(TABLE.c.key))
        return list(found.scalars())


async def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    await put(database, 1)

    async def fail(connection: AsyncConnection) -> None:
        await connection.execute(TABLE.insert().values(key=2))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.perform(fail)

    assert await keys(database) == [1]


async def test_names_compare_byte_by_byte(database: Database) -> None:
    names = ["a", "A", "a ", "ä", "a\u0308", "b", "事件"]
    for key, name in enumerate(names):
        await put(database, key, name)

    async with database.read() as connection:
        for key, name in enumerate(names):
            found = await connection.execute(sa.select(TABLE.c.key).where(TABLE.c.name == name))
            assert list(found.scalars()) == [key]
        ordered = await connection.execute(sa.select(TABLE.c.name).order_by(TABLE.c.name))
        assert list(ordered.scalars()) == sorted(names, key=str.encode)


async def test_every_text_and_every_byte_comes_back(database: Database) -> None:
    text, raw = "'\"\\%s 事件 😀" * 3000, bytes(range(256)) * 1000

    async with database.transaction() as connection:
        await connection.execute(TABLE.insert().values(key=-(2**63), text=text, bytes=raw))

    async with database.read() as connection:
        assert (await connection.execute(sa.select(TABLE))).one() == (-(2**63), None, text, raw)


async def test_a_reader_sees_what_was_committed_since_its_last_statement(
    database: Database,
) -> None:
    async with database.read() as connection:
        assert (await connection.execute(sa.select(TABLE.c.key))).all() == []
        await put(database, 1)
        assert (await connection.execute(sa.select(TABLE.c.key))).all() == [(1,)]


async def test_transactions_that_deadlock_are_run_again(database: Database) -> None:
    await put(database, 1)
    await put(database, 2)
    runs = 0
    both = asyncio.Barrier(2)

    async def swap(connection: AsyncConnection, first: int, second: int) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(TABLE.update().where(TABLE.c.key == first).values(text="x"))
        if runs <= 2:
            await both.wait()
        await connection.execute(TABLE.update().where(TABLE.c.key == second).values(text="x"))

    await asyncio.gather(
        database.perform(lambda connection: swap(connection, 1, 2)),
        database.perform(lambda connection: swap(connection, 2, 1)),
    )

    assert runs == 3


@pytest.mark.parametrize("engine", ENGINES)
async def test_waiting_for_a_connection_is_bounded(engine: str, databases: SharedDatabases) -> None:
    settings = PoolSettings(max_open_conns=1, max_idle_conns=1, wait=0.1)
    async with opened(databases.fresh(engine), settings) as database, database.read():
        with pytest.raises(DatabaseBusyError):
            async with database.read():
                pass


async def test_a_connection_that_the_server_ended_is_replaced(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(sa.text("SELECT 1"))
    end_all(database)

    assert await keys(database) == []


async def test_a_connection_lost_in_a_transaction_is_told(database: Database) -> None:
    async def cut_off(connection: AsyncConnection) -> None:
        await connection.execute(TABLE.insert().values(key=1))
        end_all(database)
        await connection.execute(TABLE.insert().values(key=2))

    with pytest.raises(DatabaseUnreachableError):
        await database.perform(cut_off)

    assert await keys(database) == []


async def test_the_drivers_own_connection_is_in_no_transaction(database: Database) -> None:
    async with database.raw() as raw:
        if database.dialect == "postgresql":
            await raw.execute("INSERT INTO things (key) VALUES (7)")
        else:
            async with raw.cursor() as cursor:
                await cursor.execute("INSERT INTO things (`key`) VALUES (7)")
        assert await keys(database) == [7]


async def test_a_synchronous_connection_reads_its_own_writes_and_rolls_back(
    database: Database,
) -> None:
    def work() -> list[int]:
        with database.connect_sync() as connection:
            connection.execute(TABLE.insert().values(key=1))
            return list(connection.execute(sa.select(TABLE.c.key)).scalars())

    assert await asyncio.to_thread(work) == [1]
    assert await keys(database) == []


def end_all(database: Database) -> None:
    """The server ends every connection to this database but the one that asks for it."""
    with connecting(database.dsn) as connection:
        if database.dialect == "postgresql":
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            return
        own = "SELECT id FROM information_schema.processlist WHERE db = database()"
        for number in connection.execute(sa.text(f"{own} AND id <> connection_id()")).scalars():
            connection.execute(sa.text(f"KILL {number}"))
