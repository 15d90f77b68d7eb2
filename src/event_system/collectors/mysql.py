"""MySQL and MariaDB: the server's own counters, and what its information schema knows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import asyncmy
from asyncmy.cursors import DictCursor
from asyncmy.errors import MySQLError

from event_system.collectors.ports import Sample
from event_system.collectors.statements import PREFIX, Rare, Statement
from event_system.sql import drivers
from event_system.sql.dsn import Dsn

_log = logging.getLogger(__name__)

STATUS: Final = "SHOW GLOBAL STATUS WHERE Variable_name IN ({names})"
COUNTERS: Final[Mapping[str, tuple[str, float]]] = {
    "Uptime": ("uptime_seconds", 1),
    "Questions": ("queries_total", 1),
    "Slow_queries": ("slow_queries_total", 1),
    "Innodb_row_lock_time": ("lock_wait_seconds_total", 1e-3),
    "Innodb_deadlocks": ("deadlocks_total", 1),  # MariaDB; MySQL has it in innodb_metrics
    "Innodb_buffer_pool_reads": ("cache_misses_total", 1),
}
"""Names of the server, and the figures that they are; the number makes seconds of its units."""
OTHERS: Final = (
    "Threads_connected",
    "Threads_running",
    "Innodb_buffer_pool_read_requests",
    "Com_commit",
    "Com_rollback",
)
LIMITS = Statement("SELECT @@max_connections AS connections_max")
RUNNING = """
    SELECT coalesce(sum(time >= {slow}), 0) AS running_slow_queries,
           coalesce(max(time), 0) AS longest_query_seconds
    FROM information_schema.processlist
    WHERE command IN ('Query', 'Execute') AND id <> connection_id()
"""
LOCKS = Statement("""
    SELECT count(*) AS lock_waits,
           coalesce(max(timestampdiff(SECOND, trx_wait_started, now())), 0)
               AS longest_lock_wait_seconds
    FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'
""")
DEADLOCKS = Statement("""
    SELECT count AS deadlocks_total
    FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'
""")
SIZE = Statement(
    """
    SELECT coalesce(sum(data_length + index_length), 0) AS size_bytes
    FROM information_schema.tables WHERE table_schema = database()
    """,
    rarely=True,
)
QUERY_TIME = Statement("""
    SELECT nullif(sum(sum_timer_wait), 0) / 1e12 AS query_seconds_total
    FROM performance_schema.events_statements_summary_global_by_event_name
""")
OWN_ERRORS: Final = range(1000, 2000)
"""Codes of the server's; what is above tells of the connection."""


class MysqlReader:
    """Implements `Reader` with one connection that stays open."""

    def __init__(
        self, dsn: Dsn, *, slow_seconds: float, timeout: float, monotonic: Callable[[], float]
    ) -> None:
        self._arguments = {
            **drivers.async_arguments(dsn),
            "program_name": f"{drivers.APPLICATION}-metrics",
            "connect_timeout": max(1, round(timeout)),
            "read_timeout": max(1, round(timeout)),
            "autocommit": True,
            "cursor_cls": DictCursor,
        }
        self._timeout = timeout
        self._running = Statement(RUNNING.format(slow=max(1, round(slow_seconds))))
        self._monotonic = monotonic
        self._rare = Rare()
        self._refused: set[str] = set()
        self._connection: Any = None
        self._statements: tuple[Statement, ...] = ()

    async def read(self) -> list[Sample]:
        connection = await self._connected()
        began = self._monotonic()
        await _fetch(connection, "SELECT 1")
        found = [Sample(f"{PREFIX}response_seconds", self._monotonic() - began)]
        found += counted(await self._status(connection))
        for statement in self._statements:
            found += await self._ask(connection, statement)
        return found

    async def _connected(self) -> Any:
        if self._connection is None:
            connection = await asyncmy.connect(**self._arguments)
            try:
                self._statements = await self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _prepare(self, connection: Any) -> tuple[Statement, ...]:
        """Bound what statements may take there; what a server of this kind understands."""
        (row,) = await _fetch(connection, "SELECT version() AS version")
        is_mariadb = "mariadb" in str(row["version"]).lower()
        if is_mariadb:
            await _fetch(connection, f"SET SESSION max_statement_time = {self._timeout:g}")
        else:
            limit_ms = max(1, int(self._timeout * 1000))
            await _fetch(connection, f"SET SESSION max_execution_time = {limit_ms}")
        every = (LIMITS, self._running, LOCKS, SIZE, QUERY_TIME)
        return every if is_mariadb else (*every, DEADLOCKS)

    async def _status(self, connection: Any) -> dict[str, float]:
        names = ", ".join(f"'{name}'" for name in (*COUNTERS, *OTHERS))
        rows = await self._answer(connection, STATUS.format(names=names))
        return {row["Variable_name"]: float(row["Value"]) for row in rows}

    async def _ask(self, connection: Any, statement: Statement) -> list[Sample]:
        now = self._monotonic()
        if (kept := self._rare.still(statement, now)) is not None:
            return kept
        samples = list(statement.samples(await self._answer(connection, statement.sql)))
        self._rare.keep(statement, samples, now)
        return samples

    async def _answer(self, connection: Any, sql: str) -> list[Mapping[str, Any]]:
        """Rows; none where the server refuses, which is logged once a statement."""
        try:
            return await _fetch(connection, sql)
        except MySQLError as error:
            if not error.args or error.args[0] not in OWN_ERRORS:
                raise
            if sql not in self._refused:
                self._refused.add(sql)
                _log.info("the MySQL server does not tell all: %s", str(error)[:200])
            return []

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.ensure_closed()


async def _fetch(connection: Any, sql: str) -> list[Mapping[str, Any]]:
    async with connection.cursor() as cursor:
        await cursor.execute(sql)
        return list(await cursor.fetchall())


def counted(status: Mapping[str, float]) -> Iterator[Sample]:
    """The figures of a server's counters; one that it does not have is left out."""
    for name, (figure, unit) in COUNTERS.items():
        if name in status:
            yield Sample(PREFIX + figure, status[name] * unit)
    if {"Threads_connected", "Threads_running"} <= status.keys():
        active = min(status["Threads_running"], status["Threads_connected"])
        yield Sample(f"{PREFIX}connections", active, ("active",))
        yield Sample(f"{PREFIX}connections", status["Threads_connected"] - active, ("idle",))
    if {"Innodb_buffer_pool_read_requests", "Innodb_buffer_pool_reads"} <= status.keys():
        asked = status["Innodb_buffer_pool_read_requests"]
        found = max(0.0, asked - status["Innodb_buffer_pool_reads"])
        yield Sample(f"{PREFIX}cache_hits_total", found)
    for name, outcome in (("Com_commit", "commit"), ("Com_rollback", "rollback")):
        if name in status:
            yield Sample(f"{PREFIX}transactions_total", status[name], (outcome,))
