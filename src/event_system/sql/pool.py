"""The connections to one server: how many, for how long, and what is slow on them."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from event_system.kernel.clock import Clock
from event_system.sql import drivers
from event_system.sql.dsn import Dsn
from event_system.sql.extras import demand
from event_system.sql.failures import translated

_log = logging.getLogger(__name__)


class StatementEars(Protocol):
    """Told of statements: the text without parameters, and seconds. From any thread."""

    def ran(self, statement: str, seconds: float) -> None: ...
    def failed(self, statement: str) -> None: ...
    def was_slow(self, statement: str, seconds: float) -> None:
        """The text is cut; only with `slow_query_log`."""


_LONGEST_STATEMENT_SHOWN = 500


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Of each pool; the seconds bound waiting for a connection, its life and its idling."""

    max_open_conns: int = 25
    max_idle_conns: int = 5
    conn_max_lifetime: float = 300.0
    conn_max_idle_time: float = 60.0
    wait: float = 5.0
    slow_query_log: bool = True
    slow_query_threshold: float = 1.0

    def arguments(self) -> dict[str, Any]:
        """What SQLAlchemy's pool takes."""
        return {
            "pool_size": self.max_idle_conns,
            "max_overflow": self.max_open_conns - self.max_idle_conns,
            "pool_timeout": self.wait,
            "pool_recycle": self.conn_max_lifetime,
            "pool_pre_ping": True,
        }


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """A pool at this moment: connections in use, idle ones, and those who wait for one."""

    active: int
    idle: int
    waiting: int
    most: int


class Pool:
    """Asynchronous connections, each found alive before it is handed out."""

    def __init__(
        self, dsn: Dsn, settings: PoolSettings, *, ears: StatementEars | None, clock: Clock
    ):
        demand(dsn.dialect)
        self.settings = settings
        self._dialect = dsn.dialect
        self._waiting = 0
        self._engine: AsyncEngine = create_async_engine(
            drivers.async_url(dsn.dialect),
            connect_args=drivers.async_arguments(dsn),
            **settings.arguments(),
        )
        self._reading = (
            self._engine.execution_options(isolation_level="AUTOCOMMIT")
            if dsn.dialect == "postgresql"
            else self._engine
        )
        _prepare(self._engine.sync_engine, dsn, settings, ears, clock)

    async def version(self) -> str:
        """What the server calls itself, e.g. `10.11.6-MariaDB`."""
        async with given_back(await self.connection()) as connection:
            found = await connection.scalar(sa.text("SELECT version()"))
        return str(found)

    async def connection(self) -> AsyncConnection:
        """A connection; its first statement begins a transaction. The caller closes it."""
        return await self._connected(self._engine)

    async def reader(self) -> AsyncConnection:
        """A connection on which each statement stands for itself. The caller closes it.

        On PostgreSQL that spares a BEGIN; on MySQL it would cost a statement, and a transaction
        that only reads is as good.
        """
        return await self._connected(self._reading)

    async def _connected(self, engine: AsyncEngine) -> AsyncConnection:
        self._waiting += 1
        connection: AsyncConnection | None = None
        try:
            with translated():
                connection = await engine.connect()
                return connection  # noqa: RET504 - it may have to be closed below
        except asyncio.CancelledError:
            if connection is not None:
                await _close(connection)
            raise
        finally:
            self._waiting -= 1

    def figures(self) -> PoolFigures:
        pool = self._engine.pool
        assert isinstance(pool, sa.pool.QueuePool)
        return PoolFigures(
            active=pool.checkedout(),
            idle=pool.checkedin(),
            waiting=self._waiting,
            most=self.settings.max_open_conns,
        )

    async def close(self) -> None:
        await asyncio.shield(self._engine.dispose())


@asynccontextmanager
async def given_back(connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    """Give the connection back to its pool at the end, also where the task is cancelled."""
    try:
        yield connection
    finally:
        await _close(connection)


async def _close(connection: AsyncConnection) -> None:
    """To the end, even where the task is cancelled meanwhile."""
    closing = asyncio.ensure_future(connection.close())
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing])
        raise


class SyncPool:
    """Synchronous connections, made when they are first asked for.

    They are not bounded: each batch listener has one, and none waits for another's.
    """

    def __init__(
        self, dsn: Dsn, settings: PoolSettings, *, ears: StatementEars | None, clock: Clock
    ):
        self._engine = sa.create_engine(
            drivers.sync_url(dsn.dialect),
            connect_args=drivers.sync_arguments(dsn),
            **{**settings.arguments(), "max_overflow": -1},
        )
        _prepare(self._engine, dsn, settings, ears, clock)

    def connect(self) -> sa.Connection:
        with translated():
            return self._engine.connect()

    def close(self) -> None:
        self._engine.dispose()


def _prepare(
    engine: sa.Engine, dsn: Dsn, settings: PoolSettings, ears: StatementEars | None, clock: Clock
) -> None:
    """Set every new connection up, close those that idled, and watch how long statements take."""

    def connected(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        version = ""
        if dsn.dialect == "mysql":
            cursor.execute("SELECT version()")
            version = str(cursor.fetchone()[0])
        for statement in drivers.session_statements(dsn.dialect, version):
            cursor.execute(statement)
        cursor.close()

    def returned(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = clock.monotonic()

    def taken(_connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.pop("idle_since", None)
        if since is not None and clock.monotonic() - since > settings.conn_max_idle_time:
            raise sa.exc.DisconnectionError("The connection has idled for too long")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "checkin", returned)
    sa.event.listen(engine, "checkout", taken)
    threshold = settings.slow_query_threshold if settings.slow_query_log else math.inf
    _watch(engine, threshold, ears, clock)


def _watch(engine: sa.Engine, threshold: float, ears: StatementEars | None, clock: Clock) -> None:
    def before(connection: sa.Connection, *_: Any) -> None:
        connection.info["began"] = clock.monotonic()

    def after(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        seconds = clock.monotonic() - connection.info["began"]
        if ears is not None:
            ears.ran(statement, seconds)
        if seconds < threshold:
            return
        shown = " ".join(statement.split())[:_LONGEST_STATEMENT_SHOWN]
        _log.warning("slow query, %.2f s: %s", seconds, shown)
        if ears is not None:
            ears.was_slow(shown, seconds)

    def failed(context: sa.engine.ExceptionContext) -> None:
        if ears is not None and context.statement is not None:
            ears.failed(context.statement)

    sa.event.listen(engine, "handle_error", failed)
    sa.event.listen(engine, "before_cursor_execute", before)
    sa.event.listen(engine, "after_cursor_execute", after)
