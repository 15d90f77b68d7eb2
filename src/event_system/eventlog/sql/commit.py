"""One transaction of the log: rows to append, and other work that must be durable with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.receipt import not_before
from event_system.eventlog.sql.engine import Engine, Head, Stamp, Stored
from event_system.eventlog.sql.filters import Window
from event_system.events.event import Row
from event_system.kernel.errors import PreconditionFailedError
from event_system.kernel.lanes import subject_key
from event_system.sql.tables.log import EVENTS, TYPES, WRITERS

T = TypeVar("T")
Name: TypeAlias = tuple[str, str]
"""The source and the id of an event."""


def name_of(row: Row) -> Name:
    return row[6], row[7]


def last_of(subject: str) -> sa.Select[tuple[int]]:
    """The newest stored event of a subject: its offset, where it has one."""
    of_key = (EVENTS.c.subject_key == subject_key(subject), EVENTS.c.subject == subject)
    newest = EVENTS.c.offset.desc()
    return sa.select(EVENTS.c.offset).where(*of_key).order_by(newest).limit(1)


def introduce(writer: str, now_us: int) -> sa.Insert:
    """Make a writer known that has not committed yet."""
    return sa.insert(WRITERS).values(name=writer, batch=0, first_offset=0, seen_us=now_us)


class RoomError(Exception):
    """The partitions do not reach as far as the rows; the transaction ends without a trace."""


class CommittedError(Exception):
    """The commit has been made already: its answer was lost on the way."""


class GroupCommit:
    """A transaction under way that holds the lock of the log.

    `pending` are the rows appended so far, at offsets from `first` on. They reach the table at
    the end, so a statement that reads `events` does not see them.
    """

    def __init__(
        self, connection: AsyncConnection, driver: Any, engine: Engine, window: Window, head: Head
    ) -> None:
        self.first = self.next = head.offset + 1
        self.pending: list[Row] = []
        self.duplicates = 0
        self._connection = connection
        self._driver = driver
        self._engine = engine
        self._window = window
        self._head = head
        self._received_us = head.received_us
        self._at: dict[Name, int] = {}
        self._last_of: dict[str | None, int] = {}
        self._stored: dict[Name, list[Stored]] = {}
        self._looked_for: set[Name] = set()

    async def look_for(self, rows: Iterable[Row]) -> None:
        """Find out, in one step, which of these rows have a twin in the log."""
        wanted = {name_of(row): row[0] for row in rows}
        keys = {key for name, key in wanted.items() if name not in self._looked_for}
        if not keys:
            return
        for stored in await self._twins(list(keys)):
            self._stored.setdefault((stored.source, stored.id), []).append(stored)
        self._looked_for.update(wanted)

    async def _twins(self, keys: Sequence[int]) -> Sequence[Stored]:
        since = self._window.since(keys)
        if since > self._head.offset:
            return ()
        return await self._engine.twins(self._driver, keys, since)

    async def append(self, rows: Sequence[Row]) -> list[int]:
        """Offsets of the rows; minus the first one's offset where a row is a duplicate."""
        await self.look_for(rows)
        return [self._append(row) for row in rows]

    def _append(self, row: Row) -> int:
        row = not_before(row, self._received_us)
        if (known := self._known(row)) is not None:
            self.duplicates += 1
            return -known
        at, self.next = self.next, self.next + 1
        self._at[name_of(row)] = self._last_of[row[8]] = at
        self._received_us = row[10]
        self.pending.append(row)
        return at

    def _known(self, row: Row) -> int | None:
        name = name_of(row)
        if (pending := self._at.get(name)) is not None:
            return pending
        since_us = row[10] - self._window.us
        twins = self._stored.get(name, ())
        return max((twin.offset for twin in twins if twin.received_us > since_us), default=None)

    async def find(self, row: Row) -> int | None:
        """Offset of the stored event with this row's source and id, where there is one."""
        await self.look_for([row])
        return self._known(row)

    async def last_of(self, subject: str) -> int:
        """Where the last event of a subject stands, pending ones counted; 0 is none."""
        if (pending := self._last_of.get(subject)) is not None:
            return pending
        return await self._last_stored(subject)

    async def _last_stored(self, subject: str) -> int:
        rows = await self.execute(last_of(subject))
        return rows[0][0] if rows else 0

    async def execute(
        self, statement: sa.Executable, values: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[Any]:
        """Run one statement; its rows."""
        result = await self._connection.execute(statement, values)
        return list(result) if result.returns_rows else []

    async def end(self, writer: str, number: int, known_types: set[str]) -> None:
        """Write what is pending, all but the COMMIT. Raises `RoomError`, `CommittedError`."""
        if self.next - 1 > self._head.room:
            raise RoomError
        head = self._head._replace(offset=self.next - 1, received_us=self._received_us)
        if not await self._engine.advance(self._driver, head, Stamp(writer, number, self.first)):
            raise CommittedError
        if self.pending:
            await add_types(self._connection, self.pending, known_types)
            await self._engine.insert(self._driver, self.first, self.pending)


async def add_types(connection: AsyncConnection, rows: Iterable[Row], known: set[str]) -> None:
    """Note the types of rows that are not known to be noted already."""
    types = {(row[5], row[2]) for row in rows if row[5] not in known}
    if types:
        new = [{"type": type_, "type_key": key} for type_, key in types]
        await connection.execute(insert_types(connection.dialect.name), new)


def insert_types(dialect: str) -> sa.Executable:
    """Add types; those that are there already stay as they are."""
    if dialect == "postgresql":
        return postgresql.insert(TYPES).on_conflict_do_nothing()
    return mysql.insert(TYPES).on_duplicate_key_update(type=TYPES.c.type)


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """Work that is to be durable together with the rows of its transaction.

    `run` may be called again where the transaction failed for another's sake, or was lost, so all
    it does goes through the transaction. An `EventSystemError` that it raises is its own result
    alone, and must come before its first write. `rows` are those that it may append: their twins
    are looked for together with those of others. It `writes` where it changes tables beside the log.
    """

    run: Callable[[GroupCommit], Awaitable[T]]
    rows: Sequence[Row] = ()
    writes: bool = True


async def append_if(row: Row, expected: int, commit: GroupCommit) -> int:
    """What `EventLog.append_if` does, in a commit that holds the lock of the log."""
    if (known := await commit.find(row)) is not None:
        return -known
    last = await commit.last_of(str(row[8]))
    if last != expected:
        raise PreconditionFailedError(
            f"the last event of {str(row[8])[:80]!r} is at offset {last}, not {expected}",
            last_offset=last,
        )
    return (await commit.append([row]))[0]
