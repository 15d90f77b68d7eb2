"""Lets the stream forget what the tables have had for long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from event_system.eventlog.backbone.stream import Stream
from event_system.eventlog.sql.reader import Reader
from event_system.eventlog.sql.search import first_received
from event_system.kernel.errors import EventSystemError
from event_system.kernel.tasks import end

SWEEP_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Purging:
    """Once a minute. What the tables have not taken over stays, however old it is."""

    def __init__(
        self, stream: Stream, tables: Reader, keep_us: int, now_us: Callable[[], int]
    ) -> None:
        self._stream = stream
        self._tables = tables
        self._keep_us = keep_us
        self._now_us = now_us
        self._below = 1
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="purging")

    async def stop(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def purge(self) -> None:
        """Delete from the stream what is old by now. Raises `EventSystemError`."""
        before_us = self._now_us() - self._keep_us
        async with self._tables.connection() as connection:
            below = await first_received(connection, before_us, self._tables.head())
        if below > self._below:
            await self._stream.purge(below)
            self._below = below

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.purge()
            except EventSystemError as error:
                _log.warning("old events could not be deleted from the stream: %s", error)
