"""The event log on a database server, put together from its parts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from event_system.eventlog.sql.appending import Appending
from event_system.eventlog.sql.attempts import SqlAttempts
from event_system.eventlog.sql.commit import introduce, last_of
from event_system.eventlog.sql.engine import Engine
from event_system.eventlog.sql.facts import Facts, engine_of, facts_of
from event_system.eventlog.sql.history import SqlHistory
from event_system.eventlog.sql.line import Line
from event_system.eventlog.sql.partitions import Partitions
from event_system.eventlog.sql.reader import Reader
from event_system.eventlog.sql.settings import LogSettings
from event_system.eventlog.sql.writer import OnCommit
from event_system.events.event import Event
from event_system.events.ports import Slice
from event_system.kernel.chance import RandomBytes, system_random_bytes
from event_system.kernel.clock import Clock
from event_system.kernel.errors import BackboneMismatchError
from event_system.sql.database import Database
from event_system.sql.durability import weakness
from event_system.sql.tables.log import LOG, WRITERS

_log = logging.getLogger(__name__)

_FORGOTTEN_US = 86_400_000_000
"""After a day without a commit the sign of a node's last one is of no use any more."""


class SqlEventLog(Appending):
    """Implements `events.ports.EventLog`; `history` implements `History`.

    `delayed` and `schedules` implement `scheduling.ports`. Several nodes may append to one log.
    """

    _attempts: SqlAttempts

    def __init__(
        self,
        database: Database,
        engine: Engine,
        facts: Facts,
        settings: LogSettings,
        *,
        writer: str,
        clock: Clock,
        on_commit: OnCommit,
    ) -> None:
        self.last_received_us = facts.received_us
        self.partitions = Partitions(database)
        self._database = database
        self._name = writer
        self._weakness: str | None = None
        line = Line(database, clock.monotonic)
        attempts = SqlAttempts(line, engine, self.partitions, writer=writer, clock=clock)
        reader = Reader(database, head=lambda: self.head)
        super().__init__(
            *(attempts, reader, reader, facts, settings), clock=clock, on_commit=on_commit
        )
        self.history = SqlHistory(reader, clock.monotonic)

    @classmethod
    async def open(
        cls,
        database: Database,
        settings: LogSettings,
        *,
        clock: Clock,
        on_commit: OnCommit,
        random_bytes: RandomBytes = system_random_bytes,
    ) -> SqlEventLog:
        """Raises `StorageError`."""
        writer = random_bytes(16).hex()
        identity = 1 + int.from_bytes(random_bytes(4)) % (2**31 - 2)
        facts = await database.perform(
            partial(_introduce, writer, settings.lanes, identity, clock.now_us())
        )
        engine = await engine_of(database)
        log = cls(
            database, engine, facts, settings, writer=writer, clock=clock, on_commit=on_commit
        )
        if weak := await weakness(database):
            log._weakness = weak
            _log.warning("%s", weak)
        return log

    @property
    def floor(self) -> int:
        return max(self._floor, self._writer.floor)

    @property
    def lag(self) -> int:
        """Events that are durable and not in the tables: none."""
        return 0

    @property
    def harm(self) -> str | None:
        """What of the server's settings makes accepted events less than durable."""
        return self._weakness

    async def latest(self) -> int:
        async with self.reader.connection() as connection:
            return int(await connection.scalar(sa.select(LOG.c.head)) or 0)

    async def last_of(self, subject: str) -> int:
        async with self.reader.connection() as connection:
            return await connection.scalar(last_of(subject)) or 0

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        return await self.reader.read(after, limit, lanes)

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        return await self.reader.pick(offsets)

    async def stop(self) -> None:
        """Write what was submitted, then take leave. The database stays open."""
        await self._end()
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(WRITERS).where(WRITERS.c.name == self._name))


async def _introduce(writer: str, lanes: int, identity: int, now_us: int, connection: Any) -> Facts:
    """Make this node known as a writer, and the log's own facts if it is the first one ever."""
    facts = await facts_of(connection, lanes, identity)
    if facts.backbone is not None:
        raise BackboneMismatchError(
            f"the events of this database come in through the stream {facts.backbone!r}: "
            "set backbone.kind and backbone.urls"
        )
    forgotten = WRITERS.c.seen_us < now_us - _FORGOTTEN_US
    await connection.execute(sa.delete(WRITERS).where(forgotten))
    await connection.execute(introduce(writer, now_us))
    return facts
