"""Cursors on a server, and failed deliveries of all but batch listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import sqlalchemy as sa

from event_system.database.retry_rows import Known, RetryRows, look
from event_system.database.sql.access import Access, Fence
from event_system.database.sql.batches import ServerBatches, ServerBatchStore
from event_system.database.sql.listeners import ServerListeners, ServerPauses
from event_system.database.sql.many import Upsert, furthest, replaced
from event_system.database.sql.replays import ServerReplays, save_replays
from event_system.database.sql.retries import ServerFailures
from event_system.delivery.ports import Cursor, Failure, Progress
from event_system.delivery.replays.replay import Replay
from event_system.kernel.errors import ForeignFileError
from event_system.sql.database import Database
from event_system.sql.tables.state import BELONGS, CURSORS, LISTENERS, PROGRESS

T = TypeVar("T")

_CURSOR: Final = ("listener", "lane", "offset", "caught_up")
_BELONG: Final = Upsert(BELONGS, ("id", "identity"), ("id",))
_SAVE_PROGRESS: Final = Upsert(PROGRESS, ("node", "routed"), ("node",), routed=furthest)
_SAVE_CURSOR: Final = Upsert(
    CURSORS,
    (*_CURSOR, "node"),
    ("listener", "lane"),
    offset=furthest,
    caught_up=replaced,
    node=replaced,
)
_REGISTER: Final = Upsert(LISTENERS, ("name", "start"), ("name",))


class ServerState:
    """Implements `delivery.ports.CursorStore`; `open` it.

    One transaction at a time writes, so that numbers are told in the order in which they came
    to be. Raises `StorageError` where the server is away, `LeaseLostError` where the lease is.
    """

    def __init__(self, access: Access, node: Callable[[], str], known: Known) -> None:
        self._access = access
        self._node = node
        self._writing = asyncio.Lock()
        self._table = ServerFailures()
        self._batches: list[ServerBatches] = []
        self.pauses = ServerPauses(access)
        self.replays = ServerReplays(access)
        self.known = ServerListeners(access)
        self.retries = RetryRows(self._table, access.read, self._write, known)

    @classmethod
    async def open(
        cls, database: Database, fence: Fence, identity: int, *, node: Callable[[], str]
    ) -> ServerState:
        """The state of the log of this identity; `node` names who saves, each stay by another.

        Raises `ForeignFileError`.
        """
        access = Access(database, fence)
        row = {"id": 1, "identity": identity}

        def belong(connection: sa.Connection) -> tuple[int, Known]:
            _BELONG.run(connection, [row])
            mark = connection.execute(sa.select(BELONGS.c.identity)).scalar_one()
            return mark, look(ServerFailures(), connection)

        mark, known = await access.write(belong)
        if mark != identity:
            raise ForeignFileError("the state in this database is that of another log")
        return cls(access, node, known)

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        async with self._writing:
            return await self._access.write(work)

    async def close(self) -> None:
        """Give back what batch listeners hold; the database is its opener's."""
        for batches in self._batches:
            batches.close()
            await batches.closed()

    async def load(self) -> Progress:
        node = self._node()
        return await self._access.read(lambda connection: _load(connection, node))

    async def look(self) -> None:
        """Count failures anew: other nodes may have changed them."""
        self.retries.note(await self._access.read(lambda c: look(self._table, c)))

    async def register(self, starts: dict[str, int]) -> None:
        rows = [{"name": name, "start": start} for name, start in starts.items()]
        if rows:
            await self._write(lambda connection: _REGISTER.run(connection, rows))

    async def save(
        self,
        routed: int,
        cursors: Sequence[Cursor],
        failures: Sequence[Failure],
        done: Sequence[tuple[str, int]] = (),
        replays: Sequence[Replay] = (),
    ) -> None:
        node = self._node()
        progress = {"node": node, "routed": routed}
        rows = [{**{n: getattr(c, n) for n in _CURSOR}, "node": node} for c in cursors]

        def write(connection: sa.Connection) -> Known | None:
            _SAVE_PROGRESS.run(connection, [progress])
            _SAVE_CURSOR.run(connection, rows)
            save_replays(connection, replays)
            if not (failures or done):
                return None
            self._table.record(connection, failures)
            self._table.settle(connection, (), done)
            return look(self._table, connection)

        if (known := await self._write(write)) is not None:
            self.retries.note(known)

    async def failures_of(self, offset: int) -> list[Failure]:
        return await self._access.read(lambda c: self._table.of(c, offset))

    async def failures_after(self, offset: int) -> list[Failure]:
        return await self._access.read(lambda c: self._table.after(c, offset))

    async def failed_offsets(self, first: int, last: int) -> list[int]:
        return await self._access.read(lambda c: self._table.offsets(c, first, last))

    async def open_batches(self, listener: str, start: int) -> ServerBatchStore:
        batches = ServerBatches(listener, self._access)
        self._batches.append(batches)
        return await batches.open(start)


def _load(connection: sa.Connection, node: str) -> Progress:
    """What others caught up with is told as exact; what this node did as it said it."""
    routed = {row.node: row.routed for row in connection.execute(sa.select(PROGRESS))}
    starts = {row.name: row.start for row in connection.execute(sa.select(LISTENERS))}
    cursors = {}
    for row in connection.execute(sa.select(CURSORS)):
        cursor = Cursor(row.listener, row.lane, row.offset, row.caught_up)
        if row.caught_up and row.node != node:
            offset = max(row.offset, routed.get(row.node, 0))
            cursor = Cursor(row.listener, row.lane, offset, caught_up=False)
        cursors[row.listener, row.lane] = cursor
    return Progress(routed.get(node, 0), starts, cursors)
