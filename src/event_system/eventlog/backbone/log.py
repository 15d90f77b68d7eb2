"""The event log with a stream in front of the tables, put together from its parts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from event_system.eventlog.backbone.attempts import StreamAttempts
from event_system.eventlog.backbone.history import TailHistory
from event_system.eventlog.backbone.opening import join, load
from event_system.eventlog.backbone.projection import Projection
from event_system.eventlog.backbone.purging import Purging
from event_system.eventlog.backbone.reader import TailReader
from event_system.eventlog.backbone.settings import StreamSettings
from event_system.eventlog.backbone.stream import Stream
from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.sql.appending import Appending
from event_system.eventlog.sql.commit import last_of
from event_system.eventlog.sql.engine import Engine
from event_system.eventlog.sql.facts import Facts, engine_of, facts_of
from event_system.eventlog.sql.history import SqlHistory
from event_system.eventlog.sql.line import Line
from event_system.eventlog.sql.partitions import Partitions
from event_system.eventlog.sql.reader import Reader
from event_system.eventlog.sql.writer import OnCommit
from event_system.events.event import Event
from event_system.events.ports import Slice
from event_system.kernel.chance import RandomBytes, system_random_bytes
from event_system.kernel.clock import Clock
from event_system.sql.database import Database

LAST_SECONDS = 5.0
"""How long the end of a node waits for the tables to take over its last events."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a log is put together from, opened."""

    database: Database
    engine: Engine
    facts: Facts
    stream: Stream
    tail: Tail


class StreamEventLog(Appending):
    """Implements `events.ports.EventLog`; `history` implements `History`.

    Several nodes may append to one log.
    """

    def __init__(
        self,
        parts: Parts,
        settings: StreamSettings,
        *,
        writer: str,
        clock: Clock,
        on_commit: OnCommit,
    ) -> None:
        database, stream, tail = parts.database, parts.stream, parts.tail
        self.partitions = Partitions(database)
        self._tail = tail
        self._stream = stream
        line = partial(Line, database, clock.monotonic)
        self.projection = Projection(
            *(tail, stream, line(), parts.engine, self.partitions), floor=parts.facts.floor
        )
        attempts = StreamAttempts(
            *(stream, self.projection, line(), parts.engine, settings), writer=writer, clock=clock
        )
        reader = Reader(database, head=lambda: min(tail.projected, self.head))
        self._young = TailReader(tail, reader, lambda: self.head)
        self.purging = Purging(stream, reader, settings.keep_us, clock.now_us)
        super().__init__(
            *(attempts, self._young, reader, replace(parts.facts, head=tail.head), settings),
            clock=clock,
            on_commit=on_commit,
        )
        older = SqlHistory(reader, clock.monotonic)
        self.history = TailHistory(tail, older, lambda: self.head, clock.monotonic)

    @classmethod
    async def open(
        cls,
        database: Database,
        stream: Stream,
        settings: StreamSettings,
        *,
        clock: Clock,
        on_commit: OnCommit,
        random_bytes: RandomBytes = system_random_bytes,
    ) -> StreamEventLog:
        """Raises `StorageError`, `BackboneMismatchError` and `BackboneRefusedError`."""
        identity = 1 + int.from_bytes(random_bytes(4)) % (2**31 - 2)
        facts = await database.perform(partial(facts_of, lanes=settings.lanes, identity=identity))
        await join(database, stream, facts)
        engine = await engine_of(database)
        tail = Tail(facts.head, facts.received_us, most_events=settings.most_waiting)
        await load(stream, tail)
        parts = Parts(database, engine, facts, stream, tail)
        writer = random_bytes(16).hex()
        log = cls(parts, settings, writer=writer, clock=clock, on_commit=on_commit)
        if stream.weakness is not None:
            _log.warning("%s", stream.weakness)
        return log

    @property
    def last_received_us(self) -> int:
        return self._tail.received_us

    @property
    def floor(self) -> int:
        return max(self._floor, self.projection.floor)

    @property
    def lag(self) -> int:
        """Events that the stream has and the tables have not yet."""
        return self.projection.lag

    @property
    def harm(self) -> str | None:
        """What is not as it should be, though events are stored."""
        return self.projection.failure or self._stream.weakness

    def start(self) -> None:
        self.projection.start()
        self.purging.start()
        super().start()

    async def latest(self) -> int:
        return await self._stream.last()

    async def last_of(self, subject: str) -> int:
        if young := self._tail.last_of(subject):
            return young
        async with self.reader.connection() as connection:
            return await connection.scalar(last_of(subject)) or 0

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        return await self._young.read(after, limit, lanes)

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        return await self._young.pick(offsets)

    async def stop(self) -> None:
        """Write what was submitted, and let the tables take it over. The database stays open."""
        try:
            await self.purging.stop()
            await self._end()
            if not await self._tail.projection(self._tail.head, LAST_SECONDS):
                _log.warning("the database takes the last %d events later", self.lag)
            await self.projection.stop()
        finally:
            await self._stream.close()
