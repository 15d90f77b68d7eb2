"""Reading the log. What is large is measured before it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import takewhile
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.events.event import KEY_COLUMNS, Event, Row
from event_system.events.ports import Commit, Slice
from event_system.kernel.errors import SlowQueryError
from event_system.sql.database import Database
from event_system.sql.tables.log import EVENTS, LOG, ROW_COLUMNS

DEADLINE_SECONDS = 5.0
SCAN_WINDOW = 50_000
MAX_SLICE_BYTES = 16_777_216
_ROWS_AT_ONCE = 1_000

FIELDS = (EVENTS.c.offset, *ROW_COLUMNS[KEY_COLUMNS:])
"""What to select for `Event(*row)`."""

SIZE = sa.func.coalesce(sa.func.octet_length(EVENTS.c.data), 0)


class Reader:
    """Reads with a deadline each. Raises `SlowQueryError` and `StorageError`."""

    def __init__(
        self,
        database: Database,
        *,
        head: Callable[[], int],
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self.head = head
        self.database = database
        self._deadline_seconds = deadline_seconds

    @asynccontextmanager
    async def connection(self, *, replica: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection to read with, for as long as the deadline lets it.

        With `replica` the newest events may be missing there; see `known`.
        """
        chosen = self.database.read(replica=replica)
        try:
            async with asyncio.timeout(self._deadline_seconds), chosen as connection:
                yield connection
        except TimeoutError as error:
            detail = f"the search did not end within {self._deadline_seconds:g} seconds"
            raise SlowQueryError(detail) from error

    async def known(self, connection: AsyncConnection) -> int:
        """The newest offset that this connection's server has, of those that were told."""
        if not self.database.has_replicas:
            return self.head()
        return min(self.head(), await connection.scalar(sa.select(LOG.c.head)) or 0)

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        """As `EventLog.read`; one call looks at a bounded part of the log only."""
        through = max(after, min(after + SCAN_WINDOW, self.head()))
        terms = [EVENTS.c.offset > after, EVENTS.c.offset <= through]
        if lanes is not None:
            terms.append(EVENTS.c.lane.in_(sorted(lanes)))
        async with self.connection() as connection:
            sizes = await connection.execute(
                sa.select(EVENTS.c.offset, SIZE)
                .where(*terms)
                .order_by(EVENTS.c.offset)
                .limit(limit)
            )
            found = [(int(offset), int(size)) for offset, size in sizes]
            taken = bounded(found)
            events = await self.at(connection, taken)
        size = sum(size for _, size in found[: len(taken)])
        is_whole = len(taken) == len(found) < limit
        return Slice(events, through if is_whole else taken[-1], size)

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        """As `EventLog.pick`."""
        wanted = [offset for offset in offsets if 0 < offset <= self.head()]
        events: list[Event] = []
        async with self.connection() as connection:
            for start in range(0, len(wanted), _ROWS_AT_ONCE):
                part = wanted[start : start + _ROWS_AT_ONCE]
                sizes = await connection.execute(
                    sa.select(EVENTS.c.offset, SIZE).where(EVENTS.c.offset.in_(part))
                )
                by_offset = {int(offset): int(size) for offset, size in sizes}
                found = [(offset, by_offset[offset]) for offset in part if offset in by_offset]
                taken = bounded(found)
                events += await self.at(connection, taken)
                if len(taken) < len(found):
                    break
        return events

    async def at(self, connection: AsyncConnection, offsets: Sequence[int]) -> list[Event]:
        """The events at these offsets, in their order."""
        if not offsets:
            return []
        chosen = sa.select(*FIELDS).where(EVENTS.c.offset.in_(offsets))
        events = {row[0]: Event(*row) for row in await connection.execute(chosen)}
        return [events[offset] for offset in offsets if offset in events]

    async def commit(self, after: int, through: int) -> Commit:
        """The first events between these offsets, as far as they stand close together.

        There are none where all of them were deleted.
        """
        terms = (EVENTS.c.offset > after, EVENTS.c.offset <= through)
        sized = sa.select(EVENTS.c.offset, SIZE).where(*terms)
        async with self.connection() as connection:
            sizes = await connection.execute(sized.order_by(EVENTS.c.offset).limit(_ROWS_AT_ONCE))
            taken = bounded([(int(offset), int(size)) for offset, size in sizes])
            chosen = sa.select(EVENTS.c.offset, *ROW_COLUMNS).where(EVENTS.c.offset.in_(taken))
            ordered = chosen.order_by(EVENTS.c.offset)
            found = [tuple(row) for row in await connection.execute(ordered)] if taken else []
        first = found[0][0] if found else through + 1
        dense = takewhile(lambda row: row[1][0] == first + row[0], enumerate(found))
        return Commit(first, [_row(row) for _, row in dense])


def _row(found: tuple[Any, ...]) -> Row:
    return found[1:]


def bounded(sizes: Iterable[tuple[int, int]]) -> list[int]:
    """Of offsets and their bytes those that fit into one slice; one at least."""
    taken: list[int] = []
    total = 0
    for offset, size in sizes:
        if taken and total + size > MAX_SLICE_BYTES:
            break
        taken.append(offset)
        total += size
    return taken
