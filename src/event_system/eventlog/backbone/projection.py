"""Takes over into the tables what the stream has: in order, once, by whichever node is first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.backbone.stream import Stream
from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.sql.attempts import LARGEST_COMMIT
from event_system.eventlog.sql.commit import add_types
from event_system.eventlog.sql.engine import Engine
from event_system.eventlog.sql.line import Line
from event_system.eventlog.sql.partitions import MARGIN, Partitions
from event_system.events.event import Row
from event_system.kernel.errors import StorageError
from event_system.kernel.tasks import end
from event_system.sql.failures import translated
from event_system.sql.tables.log import LOG

LARGEST_BYTES = 16_777_216
AGAIN_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Projection:
    """One node's part in it. The lock of the log says which events are next, whoever writes them.

    `failure` is why the last transaction failed, `floor` the offset up to which events were
    deleted from the tables.
    """

    def __init__(
        self,
        tail: Tail,
        stream: Stream,
        line: Line,
        engine: Engine,
        partitions: Partitions,
        *,
        floor: int,
    ) -> None:
        self.failure: str | None = None
        self.floor = floor
        self.tail = tail
        self._stream = stream
        self._line = line
        self._engine = engine
        self._partitions = partitions
        self._types: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def lag(self) -> int:
        """Events that the stream has and the tables have not."""
        return self.tail.head - self.tail.projected

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="projection")

    async def stop(self) -> None:
        """What is not taken over yet is when a node starts again."""
        if self._task is not None:
            await end(self._task)
        await self._line.close()

    async def _run(self) -> None:
        while True:
            if not self.lag:
                self.tail.grown.clear()
                await self.tail.grown.wait()
            try:
                await self._take_over()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next time may go better
                self._failed(error)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self.failure = None

    def _failed(self, error: Exception) -> None:
        if self.failure is None:
            _log.error("events stay in the backbone, the database does not take them: %s", error)
        self.failure = str(error)

    async def _take_over(self) -> None:
        rows = _bounded(self.tail.rows(self.tail.projected, LARGEST_COMMIT))
        first = self.tail.projected + 1
        connection, driver = await self._line.take()
        try:
            with translated():
                through = await self._transaction(connection, driver, first, rows)
        except BaseException:
            await self._line.discard()
            raise
        if through is None:
            await self._partitions.extend(len(rows) + MARGIN)
        else:
            self.tail.took_over(through)

    async def _transaction(
        self, connection: AsyncConnection, driver: Any, first: int, rows: Sequence[Row]
    ) -> int | None:
        """Up to which offset the tables have events then; None where partitions are missing."""
        await self._engine.begin(driver)
        head = await self._engine.lock(driver)
        last = first + len(rows) - 1
        if head.offset + 1 < first:
            raise StorageError(
                f"the tables end at offset {head.offset}, the tail begins at {first}"
            )
        if last > head.room or head.offset >= last:
            await self._engine.roll_back(driver)
            return None if last > head.room else head.offset
        missing = rows[head.offset + 1 - first :]
        await add_types(connection, missing, self._types)
        await self._engine.insert(driver, head.offset + 1, missing)
        ends = {"head": last, "received_us": rows[-1][10], "place": self._stream.place(last)}
        await connection.execute(sa.update(LOG).values(ends))
        self.floor = max(self.floor, int(await connection.scalar(sa.select(LOG.c.floor)) or 0))
        await self._engine.commit(driver)
        self._types.update(row[5] for row in missing)
        return last


def _bounded(rows: Sequence[Row]) -> Sequence[Row]:
    size = 0
    for number, row in enumerate(rows):
        size += len(row[14] or b"")
        if number and size > LARGEST_BYTES:
            return rows[:number]
    return rows
