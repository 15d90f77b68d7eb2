"""What database servers say of themselves: real ones, busy, locked, killed and frozen."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import sqlalchemy as sa

from event_system.collectors.board import Board
from event_system.collectors.collector import ServerCollector
from event_system.collectors.figures import DATABASE, DATABASE_LABELS, DATABASE_UP
from event_system.collectors.mysql import MysqlReader
from event_system.collectors.ports import Sample
from event_system.collectors.postgresql import PostgresqlReader
from event_system.metrics.manager import MetricsManager
from event_system.sql.dsn import Dsn
from tests.support.servers import PrivateServer, private_server
from tests.support.sql import ENGINES, connecting, fresh_database
from tests.support.waiting import PATIENCE_SECONDS, until

Reader = PostgresqlReader | MysqlReader
ONLY_MYSQL = {
    "database_server_queries_total",
    "database_server_slow_queries_total",
    "database_server_lock_wait_seconds_total",
}


def reader_of(dsn: Dsn, timeout: float = 30.0) -> Reader:
    made = PostgresqlReader if dsn.dialect == "postgresql" else MysqlReader
    return made(dsn, slow_seconds=1.0, timeout=timeout, monotonic=time.monotonic)


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    with fresh_database(request.param, "collected") as found:
        yield found


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    """One that nobody else uses: figures are of a whole server."""
    with private_server(request.param) as server:
        yield server


@pytest.fixture
async def reader(dsn: Dsn) -> AsyncIterator[Reader]:
    reader = reader_of(dsn)
    yield reader
    await reader.close()


async def look(reader: Reader) -> dict[str, float]:
    """One look; figures with labels go by `name/value`."""
    return {"/".join((name, *labels)): value for name, value, labels in await reader.read()}


async def look_until(reader: Reader, holds: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """Look until something holds."""

    async def held() -> dict[str, float] | None:
        return found if holds(found := await look(reader)) else None

    return dict(await until(held))


async def test_a_server_tells_all_figures(reader: Reader, dsn: Dsn) -> None:
    found = {sample.name for sample in await reader.read()}

    absent = {figure.name for figure in DATABASE} - found - {DATABASE_UP}
    if dsn.dialect == "postgresql":  # whose server here lacks the extension for statements
        assert absent == ONLY_MYSQL | {"database_server_query_seconds_total"}
    else:
        assert absent <= {"database_server_query_seconds_total"}  # MariaDB's schema is off


async def test_figures_mean_what_they_say(server: PrivateServer) -> None:
    reader = reader_of(server.dsn)
    before = await look(reader)
    with connecting(server.dsn) as connection:
        connection.execute(sa.text("CREATE TABLE t (id INT PRIMARY KEY)"))
        await look_until(reader, lambda found: _connections(found) > _connections(before))
        after = await look_until(reader, lambda found: found["database_server_uptime_seconds"] > 0)
    await reader.close()

    assert 0 < _connections(after) <= after["database_server_connections_max"]
    assert after["database_server_size_bytes"] >= 0
    assert 0 < after["database_server_response_seconds"] < PATIENCE_SECONDS


def _connections(found: dict[str, float]) -> float:
    return sum(v for k, v in found.items() if k.startswith("database_server_connections/"))


async def test_a_wait_for_a_lock_is_seen_and_a_slow_statement(reader: Reader, dsn: Dsn) -> None:
    with connecting(dsn) as holding, connecting(dsn) as waiting:
        holding.execute(sa.text("CREATE TABLE t (id INT PRIMARY KEY, n INT)"))
        holding.execute(sa.text("INSERT INTO t VALUES (1, 0)"))
        holding.execute(sa.text("BEGIN"))
        holding.execute(sa.text("UPDATE t SET n = 1"))
        blocked = threading.Thread(target=_update, args=(waiting,))
        blocked.start()
        try:
            await look_until(reader, lambda found: found["database_server_lock_waits"] >= 1)
            slow = await look_until(
                reader, lambda found: found["database_server_running_slow_queries"] >= 1
            )
        finally:
            holding.execute(sa.text("ROLLBACK"))
            await asyncio.to_thread(blocked.join)

    assert slow["database_server_longest_lock_wait_seconds"] >= 0
    assert slow["database_server_longest_query_seconds"] >= 1


def _update(connection: sa.Connection) -> None:
    connection.execute(sa.text("UPDATE t SET n = 2"))


async def test_transactions_are_counted(reader: Reader, dsn: Dsn) -> None:
    before = (await look(reader))["database_server_transactions_total/rollback"]
    with connecting(dsn) as connection:
        connection.execute(sa.text("CREATE TABLE t (id INT PRIMARY KEY)"))
        connection.execute(sa.text("BEGIN"))
        connection.execute(sa.text("INSERT INTO t VALUES (1)"))
        connection.execute(sa.text("ROLLBACK"))

    await look_until(
        reader, lambda found: found["database_server_transactions_total/rollback"] > before
    )


@pytest.mark.parametrize("dsn", ENGINES[:1], indirect=True)
async def test_a_reader_of_postgresql_cannot_write(reader: Reader) -> None:
    await reader.read()
    assert isinstance(reader, PostgresqlReader)
    assert reader._connection is not None

    with pytest.raises(Exception, match="read-only"):
        await reader._connection.execute("CREATE TABLE t (id INT)")


@pytest.mark.parametrize("dsn", ENGINES[1:], indirect=True)
async def test_a_user_that_may_not_look_costs_the_figures_that_he_may_not_see(dsn: Dsn) -> None:
    name = f"poor{os.getpid()}"
    with connecting(dsn) as connection:
        connection.execute(sa.text(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'x'"))
        connection.execute(sa.text(f"GRANT SELECT ON {dsn.database}.* TO {name}@'127.0.0.1'"))
        poor = reader_of(Dsn("mysql", dsn.host, dsn.port, name, dsn.database, password="x"))
        try:
            found = await look(poor)
        finally:
            await poor.close()
            connection.execute(sa.text(f"DROP USER {name}@'127.0.0.1'"))

    assert "database_server_lock_waits" not in found
    assert found["database_server_connections_max"] > 0


async def test_a_server_that_goes_and_comes_back(server: PrivateServer) -> None:
    manager = MetricsManager()
    board = Board(manager, DATABASE_LABELS, DATABASE)
    reader = reader_of(server.dsn, timeout=5.0)
    collector = ServerCollector(
        board, reader, up=DATABASE_UP, server=(server.engine, "s"), timeout=5.0
    )
    await _comes_to(board, collector, manager, 1)

    server.stop(signal.SIGKILL)
    await _comes_to(board, collector, manager, 0)
    assert _shown(board, "database_server_connections_max") == {}

    server.start()
    await _comes_to(board, collector, manager, 1)
    assert _shown(board, "database_server_connections_max") != {}
    await collector.close()


async def _comes_to(
    board: Board, collector: ServerCollector, manager: MetricsManager, up: int
) -> None:
    async def has_come() -> bool:
        await collector.collect(manager)
        return set(_shown(board, DATABASE_UP).values()) == {up}

    await until(has_come)


def _shown(board: Board, name: str) -> dict[tuple[str, ...], float]:
    return board._of(name)


async def test_nobody_at_the_address_is_an_error_at_once() -> None:
    nobody = Dsn("postgresql", "127.0.0.1", 1, "root", "postgres")

    with pytest.raises(OSError, match=r"refused|Connect"):
        await reader_of(nobody).read()


async def test_samples_have_the_labels_of_their_figures(reader: Reader) -> None:
    labels = {figure.name: len(figure.labels) for figure in DATABASE}

    found: list[Sample] = list(await reader.read())

    assert [sample for sample in found if len(sample.labels) != labels[sample.name]] == []
