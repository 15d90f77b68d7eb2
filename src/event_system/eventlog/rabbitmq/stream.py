"""The stream that the events of a log come in through, on RabbitMQ."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from event_system.eventlog.backbone.opening import check_owner, gone
from event_system.eventlog.backbone.stream import Found, MovedError
from event_system.eventlog.rabbitmq.connection import Arrived, Brokers, Session
from event_system.eventlog.rabbitmq.counting import Counting
from event_system.eventlog.rabbitmq.wire import Record, decode, encode
from event_system.eventlog.sql.facts import Facts
from event_system.events.event import Row
from event_system.kernel.chance import RandomBytes, system_random_bytes
from event_system.kernel.errors import (
    BackboneMismatchError,
    BackboneRefusedError,
    BackboneTooLargeError,
    BackboneUnreachableError,
    StorageError,
)

PAGE = 100
"""Commits that are told at once."""

LARGEST_RECORD = 16_777_216
"""Bytes of a commit: what brokers take unless they are told otherwise (`max_message_size`)."""

HEADROOM_BYTES = 16_384
"""More than all that an event has besides data and extensions takes, and a record around it."""


class RabbitStream:
    """Implements `eventlog.backbone.stream.Stream`: a commit is one record.

    `replicas` and `keep_us` count when it is made: the brokers delete what is older.
    """

    def __init__(
        self,
        brokers: Brokers,
        name: str,
        *,
        replicas: int = 3,
        keep_us: int = 3 * 86_400_000_000,
        random_bytes: RandomBytes = system_random_bytes,
    ) -> None:
        self.name = name
        self.weakness: str | None = None
        self._brokers = brokers
        self._arguments = {
            "x-queue-type": "stream",
            "x-initial-cluster-size": replicas,
            "x-max-age": f"{max(1, keep_us // 1_000_000)}s",
        }
        self._random_bytes = random_bytes
        self._log = 0
        self._counting = Counting(0, 0, None)
        self._start: int | str = "first"
        self._seen: tuple[int, int] | None = None
        self._again: tuple[int, int] | None = None
        self._found: deque[tuple[int, Found]] = deque()
        self._session: Session | None = None
        self._turn = asyncio.Lock()

    async def open(self, facts: Facts) -> None:
        async with self._turn:
            await self._drop()
            if facts.backbone is None:
                await self._brokers.declare(self.name, self._arguments)
            elif not await self._brokers.has(self.name):
                raise gone(self.name, facts)
            self._log = facts.identity
            self._counting = Counting(facts.identity, facts.head, facts.place)
            self._found.clear()
            self._seen = None
            self._start = "first" if facts.place is None else facts.place
            if facts.place is not None:
                await self._check_end(facts.place)
            await self._read_all()
            if facts.backbone is None and self._counting.strangers:
                check_owner(self.name, None, facts)

    def check(self, row: Row) -> None:
        size = len(row[14] or b"") + len(row[13] or b"") + HEADROOM_BYTES
        if size > LARGEST_RECORD:
            raise BackboneTooLargeError(
                f"an event of {size} bytes; a commit has at most {LARGEST_RECORD}"
            )

    async def append(self, rows: Sequence[Row], expected: int, commit: str) -> None:
        async with self._turn:
            counting = self._counting
            record = Record(self._log, expected, counting.commit, commit, tuple(rows))
            if len(payload := encode(record)) > LARGEST_RECORD:
                raise BackboneTooLargeError(
                    f"a commit of {len(payload)} bytes, over {LARGEST_RECORD}"
                )
            session = await self._ready()
            await self._read_arrived(session)
            if counting.head != expected:
                raise MovedError
            self._forget(expected)
            async with self._dropping():
                await session.publish(payload)
                while counting.head == expected:
                    await self._read(session, await session.next())
            if counting.commit != commit:
                raise MovedError

    async def after(self, offset: int) -> list[Found]:
        async with self._turn:
            await self._read_arrived(await self._ready())
            self._forget(offset)
            return [found for _, found in islice(self._found, PAGE)]

    async def last(self) -> int:
        async with self._turn:
            await self._read_all()
            return self._counting.head

    def place(self, offset: int) -> int | None:
        return self._counting.place(offset)

    async def purge(self, below: int) -> None:
        """Nothing: the brokers delete by age."""

    async def close(self) -> None:
        await self._drop()

    def _forget(self, through: int) -> None:
        """Of what was found, that which the caller has."""
        while self._found and self._found[0][0] <= through:
            self._found.popleft()

    async def _check_end(self, place: int) -> None:
        """Raise where the stream ends before the record that the tables end with."""
        session = await self._brokers.session(self.name, "last")
        try:
            position, sign = -1, await self._sign(session)
            while sign:
                arrived = await session.next()
                position = _position(arrived)
                record = decode(arrived.payload)
                if record is not None and record.commit == sign:
                    sign = ""
        finally:
            await session.close()
        if position < place:
            raise BackboneMismatchError(
                f"the stream {self.name!r} ends at {position}, the tables in its record at {place}: "
                "the stream has lost events"
            )

    async def _sign(self, session: Session) -> str:
        """Put a record that adds nothing behind all that are there; its sign."""
        sign = self._random_bytes(16).hex()
        await session.publish(encode(Record(self._log, 0, "", sign, ())))
        return sign

    async def _read_all(self) -> None:
        """Read all that is in the stream by now."""
        session = await self._ready()
        async with self._dropping():
            sign = await self._sign(session)
            while await self._read(session, await session.next()) != sign:
                pass

    async def _read_arrived(self, session: Session) -> None:
        async with self._dropping():
            while (arrived := session.arrived()) is not None:
                await self._read(session, arrived)

    async def _read(self, session: Session, arrived: Arrived) -> str:
        """Judge a record; its sign."""
        position, mark = _position(arrived), hash(arrived.payload)
        record = decode(arrived.payload)
        if self._again is not None:
            self._check_again(position, mark)
        elif (found := self._counting.read(position, record)) is not None and found.rows:
            self._found.append((self._counting.head, found))
        self._seen, self._again = (position, mark), None
        await session.taken(arrived)
        return "" if record is None else record.commit

    def _check_again(self, position: int, mark: int) -> None:
        """A connection goes on with the last record that was read before it, to be seen again."""
        if (position, mark) != self._again:
            raise StorageError(
                f"the stream {self.name!r} has another record at {position} than it had: "
                "it has lost events"
            )

    async def _ready(self) -> Session:
        if self._session is not None and not self._session.is_open:
            await self._drop()
        if self._session is None:
            self._again = self._seen
            start = self._start if self._seen is None else self._seen[0]
            try:
                self._session = await self._brokers.session(self.name, start)
            except BackboneRefusedError as error:
                if self._seen is None:
                    raise
                # It was let in before, so senders may wait for somebody to mend that.
                raise BackboneUnreachableError(str(error)) from error
        return self._session

    async def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def _dropping(self) -> AsyncIterator[None]:
        """Whatever goes wrong, the next one begins with the last record that was judged."""
        try:
            yield
        except BaseException:
            await self._drop()
            raise


def _position(arrived: Arrived) -> int:
    if arrived.position is None:
        raise BackboneRefusedError("the queue is no stream", where="backbone.stream")
    return arrived.position
