"""The event log on a database server, put together from its parts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from event_system.eventlog.sql.attempts import Attempts
from event_system.eventlog.sql.commit import GroupCommit, Operation, introduce, last_of
from event_system.eventlog.sql.delayed import SqlDelayedStore
from event_system.eventlog.sql.engine import Engine, Window
from event_system.eventlog.sql.history import SqlHistory
from event_system.eventlog.sql.line import Line
from event_system.eventlog.sql.mysql import MysqlEngine
from event_system.eventlog.sql.partitions import Partitions
from event_system.eventlog.sql.postgresql import PostgresEngine
from event_system.eventlog.sql.reader import Reader
from event_system.eventlog.sql.schedules import LOAD as LOAD_SCHEDULES
from event_system.eventlog.sql.schedules import SqlScheduleStore
from event_system.eventlog.sql.search import first_received
from event_system.eventlog.sql.writer import Done, OnCommit, Writer
from event_system.events.event import Event, Row
from event_system.events.ports import Slice
from event_system.kernel.chance import RandomBytes, system_random_bytes
from event_system.kernel.clock import Clock
from event_system.kernel.errors import PreconditionFailedError
from event_system.sql.database import Database
from event_system.sql.durability import weakness
from event_system.sql.tables.log import LOG, WRITERS

T = TypeVar("T")
_log = logging.getLogger(__name__)

_FORGOTTEN_US = 86_400_000_000
"""After a day without a commit the sign of a node's last one is of no use any more."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`lanes` counts at the first start only; afterwards the log's own holds."""

    lanes: int
    dedupe_window_us: int
    poll_seconds: float = 0.02


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of its log when it is opened."""

    head: int
    floor: int
    lanes: int
    identity: int
    received_us: int
    waiting: int
    next_due_us: int | None
    schedules: Sequence[sa.Row[Any]]


class SqlEventLog:
    """Implements `events.ports.EventLog`; `history` implements `History`.

    `delayed` and `schedules` implement `scheduling.ports`. Several nodes may append to one log.
    """

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
        self.lanes, self.identity = facts.lanes, facts.identity
        self.last_received_us = facts.received_us
        self._database = database
        self._name = writer
        self._floor = facts.floor
        self._weakness: str | None = None
        self.reader = Reader(database, head=lambda: self.head)
        line = Line(database, clock.monotonic)
        self.partitions = Partitions(database)
        self._attempts = Attempts(line, engine, self.partitions, writer=writer, clock=clock)
        self._attempts.window = Window(settings.dedupe_window_us, 0)
        self._writer = Writer(
            self._attempts,
            self.reader,
            head=facts.head,
            on_commit=on_commit,
            poll_seconds=settings.poll_seconds,
            look_back=self._look_back,
            monotonic=clock.monotonic,
        )
        self.history = SqlHistory(self.reader, clock.monotonic)
        submit = self._writer.submit
        self.schedules = SqlScheduleStore(facts.schedules, submit)
        self.delayed = SqlDelayedStore(facts.waiting, facts.next_due_us, self.reader, submit)

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
        engine = await _engine(database)
        log = cls(
            database, engine, facts, settings, writer=writer, clock=clock, on_commit=on_commit
        )
        if weak := await weakness(database):
            log._weakness = weak
            _log.warning("%s", weak)
        return log

    @property
    def head(self) -> int:
        return self._writer.head

    @property
    def floor(self) -> int:
        return max(self._floor, self._writer.floor)

    @property
    def failure(self) -> str | None:
        """Why the last commit failed; None after one that succeeded."""
        return self._writer.failure

    @property
    def harm(self) -> str | None:
        """What of the server's settings makes accepted events less than durable."""
        return self._weakness

    def find_duplicates_for(self, window_us: int) -> None:
        """From now on the same (source, id) within this time is the same event."""
        self._attempts.window = Window(window_us, 0)

    @property
    def window_us(self) -> int:
        """How long an event finds its duplicates."""
        return self._attempts.window.us

    def forget(self, through: int) -> None:
        """Events up to this offset have been deleted; nothing but retention may say so."""
        self._floor = max(self._floor, through)

    def start(self) -> None:
        self._writer.start()

    def submit(self, rows: Sequence[Row], done: Done) -> None:
        self._writer.submit(rows, done)

    async def perform(
        self, work: Callable[[GroupCommit], Awaitable[T]], rows: Sequence[Row] = ()
    ) -> T:
        """What `work` returns, once that is durable; see `Operation`."""
        done = asyncio.get_running_loop().create_future()
        self._writer.submit(Operation(work, rows), lambda result: _settle(done, result))
        return cast("T", await done)

    async def append_if(self, row: Row, expected: int) -> int:
        return await self.perform(partial(_append_if, row, expected), [row])

    async def last_of(self, subject: str) -> int:
        async with self.reader.connection() as connection:
            return await connection.scalar(last_of(subject)) or 0

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        return await self.reader.read(after, limit, lanes)

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        return await self.reader.pick(offsets)

    async def _look_back(self) -> None:
        """Find out how far back the window for duplicates reaches by now.

        No row is received before the newest event, so none needs to look further back than this.
        """
        us = self._attempts.window.us
        async with self.reader.connection() as connection:
            newest_us = (await connection.execute(sa.select(LOG.c.received_us))).scalar_one()
            young = await first_received(connection, newest_us - us, self.head)
        if self._attempts.window.us == us:
            self._attempts.window = Window(us, young)

    async def flush(self) -> None:
        """Wait until everything submitted so far is durable and told."""
        flushed = asyncio.get_running_loop().create_future()
        self._writer.submit((), flushed.set_result)
        await flushed

    async def stop(self) -> None:
        """Write what was submitted, then take leave. The database stays open."""
        await self._writer.stop()
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(WRITERS).where(WRITERS.c.name == self._name))


async def _introduce(writer: str, lanes: int, identity: int, now_us: int, connection: Any) -> Facts:
    """Make this node known as a writer, and the log's own facts if it is the first one ever."""
    first = {"lanes": lanes, "identity": identity}
    await connection.execute(sa.update(LOG).where(LOG.c.lanes == 0).values(first))
    forgotten = WRITERS.c.seen_us < now_us - _FORGOTTEN_US
    await connection.execute(sa.delete(WRITERS).where(forgotten))
    await connection.execute(introduce(writer, now_us))
    found = (await connection.execute(sa.select(LOG))).one()
    waiting = (await connection.execute(SqlDelayedStore.standing())).one()
    return Facts(
        head=found.head,
        floor=found.floor,
        lanes=found.lanes,
        identity=found.identity,
        received_us=found.received_us,
        waiting=waiting[0],
        next_due_us=waiting[1],
        schedules=(await connection.execute(LOAD_SCHEDULES)).all(),
    )


async def _engine(database: Database) -> Engine:
    if database.dialect == "postgresql":
        return PostgresEngine()
    async with database.read() as connection:
        return MysqlEngine(int(await connection.scalar(sa.text("SELECT @@max_allowed_packet"))))


async def _append_if(row: Row, expected: int, commit: GroupCommit) -> int:
    if (known := await commit.find(row)) is not None:
        return -known
    last = await commit.last_of(str(row[8]))
    if last != expected:
        raise PreconditionFailedError(
            f"the last event of {str(row[8])[:80]!r} is at offset {last}, not {expected}",
            last_offset=last,
        )
    return (await commit.append([row]))[0]


def _settle(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():  # the caller was cancelled; what was asked for is done all the same
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
