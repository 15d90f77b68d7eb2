"""Read-only connections to the log in a few threads, so that no read holds the event loop up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

import apsw

from event_system.eventlog.sqlite.schema import EVENT_FIELDS, connect_reader
from event_system.events.event import Event
from event_system.events.ports import Slice
from event_system.kernel.errors import SlowQueryError, StoppingError, StorageError
from event_system.kernel.threads import in_thread
from event_system.sqlite.files import DAMAGE

SEARCH_THREADS = 2
DEADLINE_SECONDS = 5.0
SCAN_WINDOW = 50_000
MAX_SLICE_BYTES = 16_777_216
_STEPS_BETWEEN_CHECKS = 10_000  # of SQLite's virtual machine; under a millisecond

T = TypeVar("T")

_READ = f"""
SELECT {EVENT_FIELDS} FROM events WHERE offset > :after AND offset <= :through
ORDER BY offset LIMIT :limit
"""  # noqa: S608 - our own names
_READ_LANES = f"""
SELECT {EVENT_FIELDS} FROM events WHERE offset > :after AND offset <= :through
AND lane IN (SELECT value FROM json_each(:lanes)) ORDER BY offset LIMIT :limit
"""  # noqa: S608 - our own names
_PICK = f"SELECT {EVENT_FIELDS} FROM events WHERE offset = ?"  # noqa: S608 - our own names
_HEAD = "SELECT coalesce(max(offset), 0) FROM events"


class Reader:
    """Runs reads off the loop. Those of listeners never wait behind searches."""

    def __init__(
        self,
        directory: Path,
        *,
        threads: int = SEARCH_THREADS,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self.directory = directory
        self._searches = _Pool(directory, threads, deadline_seconds)
        self._slices = _Pool(directory, 1, deadline_seconds)

    @property
    def damage(self) -> str | None:
        """What SQLite said of a damaged file that a read came upon since the start."""
        return self._searches.damage or self._slices.damage

    async def run(self, search: Callable[[apsw.Connection], T]) -> T:
        """What `search` returns, called on a thread with a connection of its own.

        Raises `SlowQueryError` after the deadline, waiting included, `StorageError` where the
        store cannot be read, and `StoppingError` once it is closed. A caller that is
        cancelled ends its search.
        """
        return await self._searches.run(search)

    async def read_after(
        self, after: int, limit: int, lanes: frozenset[int] | None = None
    ) -> Slice:
        """As `EventLog.read`; one call looks at a bounded part of the log only."""
        return await self._slices.run(lambda log: read_after(log, after, limit, lanes))

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        """As `EventLog.pick`."""
        return await self._slices.run(lambda log: pick(log, offsets))

    async def close(self) -> None:
        """End running reads and close all connections."""
        await self._searches.close()
        await self._slices.close()


def read_after(log: apsw.Connection, after: int, limit: int, lanes: frozenset[int] | None) -> Slice:
    """Up to `limit` events above `after`, of these lanes, out of the next `SCAN_WINDOW`."""
    through = max(after, min(after + SCAN_WINDOW, int(log.execute(_HEAD).get)))
    values = {"after": after, "through": through, "limit": limit}
    if lanes is None:
        rows = log.execute(_READ, values)
    else:
        rows = log.execute(_READ_LANES, values | {"lanes": json.dumps(sorted(lanes))})
    events: list[Event] = []
    size = 0
    for row in rows:
        event = Event(*row)
        events.append(event)
        size += len(event.raw or b"")
        if len(events) == limit or size >= MAX_SLICE_BYTES:
            return Slice(events, event.offset, size)
    return Slice(events, through, size)


def pick(log: apsw.Connection, offsets: Sequence[int]) -> list[Event]:
    """The events at these offsets, up to `MAX_SLICE_BYTES` of them."""
    events: list[Event] = []
    size = 0
    for offset in offsets:
        for row in log.execute(_PICK, (offset,)):
            events.append(Event(*row))
            size += len(events[-1].raw or b"")
        if size >= MAX_SLICE_BYTES:
            break
    return events


class _Task(Generic[T]):
    """One read, and whether anybody still waits for it."""

    def __init__(self, read: Callable[[apsw.Connection], T]) -> None:
        self.read = read
        self.abandoned = False


class _Pool:
    """Threads, each with a connection that is opened when it is first needed."""

    def __init__(self, directory: Path, threads: int, deadline_seconds: float) -> None:
        self.damage: str | None = None
        self._directory = directory
        self._deadline_seconds = deadline_seconds
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="eventlog-reader")
        self._idle: list[apsw.Connection] = []
        self._closing = False

    async def run(self, read: Callable[[apsw.Connection], T]) -> T:
        if self._closing:
            raise StoppingError
        task = _Task(read)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await loop.run_in_executor(self._executor, self._perform, task)
        except TimeoutError as error:
            detail = f"the search did not end within {self._deadline_seconds:g} seconds"
            raise SlowQueryError(detail) from error
        finally:
            task.abandoned = True

    def _perform(self, task: _Task[T]) -> T:
        try:
            connection = self._connection()
            connection.set_progress_handler(
                lambda: task.abandoned or self._closing, _STEPS_BETWEEN_CHECKS
            )
            try:
                return task.read(connection)
            finally:
                self._idle.append(connection)
        except apsw.InterruptError as error:
            raise StoppingError from error
        except DAMAGE as error:
            self.damage = f"{error}; `event-system db check` names the file"
            raise StorageError(f"the read failed: {self.damage}") from error
        except apsw.Error as error:
            raise StorageError(f"the read failed: {error}") from error

    def _connection(self) -> apsw.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return connect_reader(self._directory)

    async def close(self) -> None:
        self._closing = True
        await in_thread(self._executor.shutdown)
        while self._idle:
            self._idle.pop().close()
