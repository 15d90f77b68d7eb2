"""Databases for tests, on the servers of this machine.

@pytest.fixture(params=ENGINES)
async def database(request, databases: SharedDatabases) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param)) as database:
        yield database
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from functools import cached_property

import pytest
import sqlalchemy as sa

from event_system.sql import drivers, migrate, tables
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn, parse_dsn
from event_system.sql.metadata import METADATA
from event_system.sql.pool import PoolSettings
from event_system.sql.tables.cluster import NODES
from event_system.sql.tables.log import LOG
from tests.support.kafka import KafkaBrokers, kafka_brokers
from tests.support.nats import NatsServers, nats_servers
from tests.support.rabbit import RabbitStreams

SERVERS = {
    "postgresql": "postgresql://root@127.0.0.1:5432/postgres",
    "mariadb": "root@tcp(127.0.0.1:3306)/mysql",
}

ENGINES = [pytest.param(name, marks=pytest.mark.service(name)) for name in SERVERS]
"""For `@pytest.mark.parametrize("engine", ENGINES)` and fixtures' `params`."""

_BLANK = {
    **dict.fromkeys(("head", "floor", "received_us", "lanes", "identity"), 0),
    **dict.fromkeys(("backbone", "place")),
}


def _name(engine: str) -> str:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return f"es_test_{os.getpid()}_{worker}"


@contextmanager
def administering(engine: str) -> Iterator[sa.Connection]:
    """A connection that may create and drop databases."""
    dsn = parse_dsn(SERVERS[engine])
    with connecting(dsn) as connection:
        yield connection


@contextmanager
def connecting(dsn: Dsn) -> Iterator[sa.Connection]:
    """A synchronous connection in autocommit, for what a test looks at or does beside a node."""
    made = sa.create_engine(
        drivers.sync_url(dsn.dialect),
        connect_args=drivers.sync_arguments(dsn),
        poolclass=sa.NullPool,
        isolation_level="AUTOCOMMIT",
    )
    with made.connect() as connection:
        yield connection
    made.dispose()


@contextmanager
def fresh_database(engine: str, suffix: str = "own") -> Iterator[Dsn]:
    """An empty database without any table, dropped at the end."""
    name = f"{_name(engine)}_{suffix}"
    with administering(engine) as connection:
        _drop(connection, name)
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield _in(engine, name)
    finally:
        with administering(engine) as connection:
            _drop(connection, name)


def _drop(connection: sa.Connection, name: str) -> None:
    force = " WITH (FORCE)" if connection.dialect.name == "postgresql" else ""
    connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name}{force}"))


def _in(engine: str, name: str) -> Dsn:
    return parse_dsn(SERVERS[engine].rpartition("/")[0] + f"/{name}")


class SharedDatabases:
    """One migrated database on each server, made on first use; the fixture `databases`.

    `nats` is a NATS server, `kafka` Kafka's protocol, of these tests' own.
    """

    def __init__(self) -> None:
        self._made: dict[str, Dsn] = {}
        self._stack = ExitStack()

    @cached_property
    def kafka(self) -> KafkaBrokers:
        return self._stack.enter_context(kafka_brokers())

    @cached_property
    def nats(self) -> NatsServers:
        return self._stack.enter_context(nats_servers())

    @cached_property
    def rabbit(self) -> RabbitStreams:
        return self._stack.enter_context(closing(RabbitStreams()))

    def fresh(self, engine: str) -> Dsn:
        """The database with all tables as the migrations leave them: what was there is gone.

        So a test must have closed its connections, and uses one such database at a time.
        """
        if engine not in self._made:
            self._made[engine] = self._stack.enter_context(fresh_database(engine, "shared"))
        else:
            with connecting(self._made[engine]) as connection:
                connection.execute(NODES.delete())  # a test need not leave
            migrate.downgrade(self._made[engine], "base")
        migrate.upgrade(self._made[engine])
        return self._made[engine]

    def emptied(self, engine: str) -> Dsn:
        """As `fresh`, but only the rows are gone: that is faster, and partitions stay."""
        if engine not in self._made:
            return self.fresh(engine)
        tables.declare()
        with connecting(self._made[engine]) as connection:
            for table in METADATA.sorted_tables:
                if table is not LOG:
                    connection.execute(sa.delete(table))
            connection.execute(sa.update(LOG).values(_BLANK))
        return self._made[engine]

    def current(self, engine: str) -> Dsn:
        """The database as it is."""
        return self._made[engine]

    def close(self) -> None:
        self._made.clear()
        self._stack.close()


@asynccontextmanager
async def opened(dsn: Dsn, settings: PoolSettings | None = None) -> AsyncIterator[Database]:
    database = await Database.open(dsn, settings)
    try:
        yield database
    finally:
        await database.close()
