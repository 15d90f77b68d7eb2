"""A server as the rooms see it: connections for reading, transactions, and the driver's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.kernel.chance import RandomBytes, fraction, system_random_bytes
from event_system.kernel.clock import Clock, SystemClock
from event_system.kernel.errors import DatabaseConflictError, StorageError
from event_system.kernel.threads import in_thread
from event_system.sql.dsn import Dialect, Dsn
from event_system.sql.failures import translated
from event_system.sql.pool import Pool, PoolSettings, StatementEars, SyncPool, given_back

_log = logging.getLogger(__name__)
T = TypeVar("T")

Work: TypeAlias = Callable[[AsyncConnection], Awaitable[T]]
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says of itself when it is opened."""

    dialect: Dialect
    version: str

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in self.version.lower()


class Database:
    """A server with its pools. Every method raises `StorageError` where the server is away.

    Transactions are READ COMMITTED on every server: each statement sees what was committed before
    it began.
    """

    def __init__(
        self,
        dsn: Dsn,
        server: Server,
        pool: Pool,
        sync_pool: SyncPool,
        replicas: Sequence[Pool] = (),
        random_bytes: RandomBytes = system_random_bytes,
    ) -> None:
        self.dsn = dsn
        self.server = server
        self.pool = pool
        self._sync_pool = sync_pool
        self._replicas = tuple(replicas)
        self._turn = 0
        self._random_bytes = random_bytes

    @classmethod
    async def open(
        cls,
        dsn: Dsn,
        settings: PoolSettings | None = None,
        *,
        ears: StatementEars | None = None,
        clock: Clock | None = None,
        replicas: Sequence[Dsn] = (),
    ) -> Database:
        """Connect once, to know the server. Replicas are connected to when they are first used.

        Raises `MissingDriverError`, `DatabaseRefusedError`, `DatabaseUnreachableError`.
        """
        settings, clock = settings or PoolSettings(), clock or SystemClock()
        pool = Pool(dsn, settings, ears=ears, clock=clock)
        try:
            server = Server(dsn.dialect, await pool.version())
        except BaseException:
            await pool.close()
            raise
        return cls(
            dsn,
            server,
            pool,
            SyncPool(dsn, settings, ears=ears, clock=clock),
            [Pool(replica, settings, ears=ears, clock=clock) for replica in replicas],
        )

    @property
    def dialect(self) -> Dialect:
        return self.dsn.dialect

    @property
    def has_replicas(self) -> bool:
        return bool(self._replicas)

    @asynccontextmanager
    async def read(self, *, replica: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection to read with; nothing written through it is kept.

        With `replica` it is one of a replica if there is one that answers: what it says may be
        some time old.
        """
        if replica and self._replicas:
            self._turn = (self._turn + 1) % len(self._replicas)
            try:
                connection = await self._replicas[self._turn].reader()
            except StorageError as error:
                _log.warning("a replica does not answer, reading from the primary: %s", error)
                connection = await self.pool.reader()
        else:
            connection = await self.pool.reader()
        with translated():
            async with given_back(connection):
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed where the block ends without an error.

        Raises `DatabaseConflictError` where it collides with another; `perform` tries again.
        """
        connection = await self.pool.connection()
        with translated():
            async with given_back(connection), connection.begin():
                yield connection

    async def perform(self, work: Work[T]) -> T:
        """`work` in a transaction, again from its beginning where it collides with others.

        So `work` may run more than once; only the last run counts. Raises
        `DatabaseConflictError` after five.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self._once(work)
            except DatabaseConflictError:
                pause = _FIRST_PAUSE_SECONDS * 2**attempt
                await asyncio.sleep(pause * (0.5 + fraction(self._random_bytes)))
        return await self._once(work)

    async def _once(self, work: Work[T]) -> T:
        async with self.transaction() as connection:
            return await work(connection)

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Any]:
        """The driver's own connection, an `asyncpg.Connection` or an asyncmy one, out of the pool.

        It is in no transaction (asyncmy: autocommit) and has to be left in none. Where the block
        ends with an error the connection is closed rather than used again.
        """
        connection = await self.pool.connection()
        with translated():
            async with given_back(connection):
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
                try:
                    if self.dialect == "mysql":
                        await driver.autocommit(True)
                    yield driver
                    if self.dialect == "mysql":
                        await driver.autocommit(False)
                except BaseException:
                    await asyncio.shield(connection.invalidate())
                    raise

    def connect_sync(self) -> sa.Connection:
        """A synchronous connection, for a thread that may block; the caller closes it."""
        return self._sync_pool.connect()

    async def close(self) -> None:
        """Close every connection that is not in use. Idempotent."""
        for pool in (self.pool, *self._replicas):
            await pool.close()
        await in_thread(self._sync_pool.close)
