"""PostgreSQL, from version 12 on: its statistics views, in single statements."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import asyncpg

from event_system.collectors.ports import Sample
from event_system.collectors.statements import PREFIX, Rare, Statement
from event_system.sql import drivers
from event_system.sql.dsn import Dsn

_log = logging.getLogger(__name__)

SERVER = Statement("""
    SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS uptime_seconds,
           current_setting('max_connections')::int AS connections_max
""")
CONNECTIONS = Statement(
    """
    SELECT coalesce(state, 'unknown') AS state, count(*) AS connections
    FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1
    """,
    labels=("state",),
)
RUNNING = """
    SELECT count(*) FILTER (WHERE clock_timestamp() - query_start > interval '{slow} s')
               AS running_slow_queries,
           coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)
               AS longest_query_seconds
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()
"""
TOTALS = Statement("""
    SELECT blks_hit AS cache_hits_total, blks_read AS cache_misses_total,
           deadlocks AS deadlocks_total
    FROM pg_stat_database WHERE datname = current_database()
""")
TRANSACTIONS = Statement(
    """
    SELECT outcome, transactions_total FROM pg_stat_database,
    LATERAL (VALUES ('commit', xact_commit), ('rollback', xact_rollback))
        AS ended (outcome, transactions_total)
    WHERE datname = current_database()
    """,
    labels=("outcome",),
)
LOCKS = Statement("""
    SELECT count(*) AS lock_waits,
           coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)
               AS longest_lock_wait_seconds
    FROM pg_locks WHERE NOT granted
""")
LOCKS_BEFORE_14 = Statement("""
    SELECT count(*) AS lock_waits,
           coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)
               AS longest_lock_wait_seconds
    FROM pg_stat_activity WHERE wait_event_type = 'Lock'
""")
SIZE = Statement("SELECT pg_database_size(current_database()) AS size_bytes", rarely=True)
QUERIES = Statement("""
    SELECT sum(calls) AS queries_total, sum(total_exec_time) / 1000 AS query_seconds_total
    FROM pg_stat_statements(false)
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
HAS_QUERIES = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'"


class PostgresqlReader:
    """Implements `Reader` with one connection that stays open."""

    def __init__(
        self, dsn: Dsn, *, slow_seconds: float, timeout: float, monotonic: Callable[[], float]
    ) -> None:
        self._arguments = _arguments(dsn, timeout)
        self._running = Statement(RUNNING.format(slow=float(slow_seconds)))
        self._monotonic = monotonic
        self._rare = Rare()
        self._refused: set[Statement] = set()
        self._connection: asyncpg.Connection[Any] | None = None
        self._statements: tuple[Statement, ...] = ()

    async def read(self) -> list[Sample]:
        connection = await self._connected()
        began = self._monotonic()
        await connection.execute("SELECT 1")
        found = [Sample(f"{PREFIX}response_seconds", self._monotonic() - began)]
        for statement in self._statements:
            found += await self._ask(connection, statement)
        return found

    async def _connected(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(**self._arguments)
            self._statements = tuple(await self._known(self._connection))
        return self._connection

    async def _known(self, connection: asyncpg.Connection[Any]) -> list[Statement]:
        """What a server of this version understands."""
        version = connection.get_server_version()
        locks = LOCKS if version.major >= 14 else LOCKS_BEFORE_14
        every = [SERVER, CONNECTIONS, self._running, TOTALS, TRANSACTIONS, locks, SIZE]
        return [*every, QUERIES] if await connection.fetchval(HAS_QUERIES) else every

    async def _ask(self, connection: asyncpg.Connection[Any], statement: Statement) -> list[Sample]:
        now = self._monotonic()
        if (kept := self._rare.still(statement, now)) is not None:
            return kept
        try:
            rows = await connection.fetch(statement.sql)
        except asyncpg.PostgresError as error:
            self._note(statement, error)
            samples: list[Sample] = []
        else:
            samples = list(statement.samples(map(dict, rows)))
        self._rare.keep(statement, samples, now)
        return samples

    def _note(self, statement: Statement, error: asyncpg.PostgresError) -> None:
        """Log a refusal, once a statement."""
        if statement not in self._refused:
            self._refused.add(statement)
            _log.info("PostgreSQL does not tell all: %s", str(error)[:200])

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _arguments(dsn: Dsn, timeout: float) -> dict[str, Any]:
    """As the node connects, but read-only and shorter of breath."""
    arguments = drivers.async_arguments(dsn)
    limit_ms = max(1, int(timeout * 1000))
    settings = {
        **arguments["server_settings"],
        "application_name": f"{drivers.APPLICATION}-metrics",
        "default_transaction_read_only": "on",
        "statement_timeout": f"{limit_ms}ms",
        "lock_timeout": f"{limit_ms}ms",
    }
    return {**arguments, "server_settings": settings, "timeout": timeout}
