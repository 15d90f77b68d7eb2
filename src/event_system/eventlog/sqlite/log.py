"""The embedded event log, put together from its parts."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar, cast

import apsw

from event_system.eventlog.sqlite.commit import GroupCommit, Operation
from event_system.eventlog.sqlite.condition import append_if
from event_system.eventlog.sqlite.dedupe import Dedupe
from event_system.eventlog.sqlite.delayed import SqliteDelayedStore
from event_system.eventlog.sqlite.history import SqliteHistory
from event_system.eventlog.sqlite.index import RUN_EVENTS, Indexer
from event_system.eventlog.sqlite.reader import Reader
from event_system.eventlog.sqlite.schedules import SqliteScheduleStore
from event_system.eventlog.sqlite.schema import (
    EVENTS_FILE,
    INDEX_FILE,
    connect_events,
    connect_reader,
)
from event_system.eventlog.sqlite.writer import Done, Writer
from event_system.events.event import Event, Row
from event_system.events.ports import Commit, Slice
from event_system.kernel.clock import Clock
from event_system.kernel.errors import DataDirectoryError
from event_system.kernel.tasks import settle
from event_system.kernel.threads import in_thread
from event_system.sqlite.files import guarding

T = TypeVar("T")

LOST_INDEX = "Remove it while the node is stopped: the node builds it again."
LOST_LOG = "It holds the events themselves: bring it back from a backup."

_DELETE = """
DELETE FROM events WHERE offset BETWEEN :first AND :last
AND offset NOT IN (SELECT value FROM json_each(:held)) RETURNING 1
"""
_SET_FLOOR = """
INSERT INTO facts VALUES ('floor', :last)
ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
"""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`lanes` counts at the first start only; afterwards the data directory's own holds."""

    directory: Path
    lanes: int
    dedupe_window_us: int


class SqliteEventLog:
    """Implements `events.ports.EventLog`; `history` implements `History`.

    `delayed` and `schedules` implement `scheduling.ports`.
    """

    def __init__(
        self,
        settings: LogSettings,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        on_commit: Callable[[Commit, float], None],
    ) -> None:
        directory = settings.directory
        self._lock = lock_directory(directory)
        self._on_commit = on_commit
        with guarding(directory / EVENTS_FILE, LOST_LOG):
            events = connect_events(directory)
            self.lanes = _fixed_lanes(events, settings.lanes)
            self.identity = _identity(events)
            head, self.last_received_us = _newest(events)
        self._floor = _fact(events, "floor")
        with guarding(directory / INDEX_FILE, LOST_INDEX):
            self._indexer = Indexer(directory, head=head, floor=self._floor, on_run=self._run_built)
        self.reader = Reader(directory)
        self._lookup = connect_reader(directory)
        self.dedupe = Dedupe(
            events,
            self._lookup,
            directory,
            identity=self.identity,
            run_events=RUN_EVENTS,
            window_us=settings.dedupe_window_us,
        )
        since_us = clock.now_us() - settings.dedupe_window_us
        with guarding(directory / EVENTS_FILE, LOST_LOG):
            self.dedupe.load(head, self._indexer.indexed_through, since_us)
        self._writer = Writer(
            events,
            self.dedupe,
            newest=(head, self.last_received_us),
            loop=loop,
            on_commit=self._committed,
            now_us=clock.now_us,
            monotonic=clock.monotonic,
        )
        self.history = SqliteHistory(self.reader, clock.monotonic)
        self.schedules = SqliteScheduleStore(events, self._writer.submit)
        self.delayed = SqliteDelayedStore(events, self.reader, self._writer.submit)
        self._events = events

    @property
    def head(self) -> int:
        return self._writer.head

    @property
    def floor(self) -> int:
        return self._floor

    @property
    def failure(self) -> str | None:
        """Why the last commit failed; None after one that succeeded."""
        return self._writer.failure

    @property
    def harm(self) -> str | None:
        """Why the index does not grow, so that searches scan the log; or what is damaged."""
        return self._indexer.failure or self.reader.damage

    def find_duplicates_for(self, window_us: int) -> None:
        self.dedupe.window_us = window_us

    def start(self) -> None:
        self._writer.start()
        self._indexer.start()

    def submit(self, rows: Sequence[Row], done: Done) -> None:
        self._writer.submit(rows, done)

    async def perform(self, work: Callable[[GroupCommit], T]) -> T:
        """What `work` returns, once that is durable; see `Operation`."""
        done = asyncio.get_running_loop().create_future()
        self._writer.submit(Operation(work), lambda result: settle(done, result))
        return cast("T", await done)

    async def append_if(self, row: Row, expected: int) -> int:
        return await append_if(self.history, self.perform, row, expected)

    async def latest(self) -> int:
        return self.head

    async def last_of(self, subject: str) -> int:
        return (await self.history.last_of(subject))[0]

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        return await self.reader.read_after(after, limit, lanes)

    async def delete(self, first: int, last: int, held: Sequence[int]) -> int:
        """Delete these events but for the held ones; how many there were.

        Nothing but retention may call it, for events that nobody needs any more.
        """
        span = {"first": first, "last": last, "held": json.dumps(list(held))}

        def work(commit: GroupCommit) -> int:
            commit.execute(_SET_FLOOR, span)
            return len(commit.execute(_DELETE, span))

        deleted = await self.perform(work)
        self._floor = max(self._floor, last)
        self._indexer.forget(self._floor)
        return deleted

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        return await self.reader.pick(offsets)

    def _committed(self, commit: Commit, seconds: float) -> None:
        self._indexer.notify(commit.first + len(commit.rows) - 1)
        self._on_commit(commit, seconds)

    def _run_built(self, first: int, last: int, run: int) -> None:
        self.dedupe.seal(first, last)

    async def flush(self) -> None:
        """Wait until everything submitted so far is durable and told."""
        flushed = asyncio.get_running_loop().create_future()
        self._writer.submit((), flushed.set_result)
        await flushed

    async def stop(self) -> None:
        """Write what was submitted, then close everything."""
        await self._writer.stop()
        await in_thread(self._indexer.stop)
        await self.reader.close()
        self._lookup.close()
        self._events.close()
        self._lock.close()


def lock_directory(directory: Path) -> IO[str]:
    """Hold the data directory for this process; the lock goes with the process.

    Raises `DataDirectoryError`, with the owner's process id where another one holds it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "LOCK").open("a+")
    except OSError as error:
        raise DataDirectoryError(f"{directory}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        owner = file.read(20).strip()
        file.close()
        raise DataDirectoryError(f"{directory} is in use by process {owner}") from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _fixed_lanes(events: apsw.Connection, lanes: int) -> int:
    events.execute("INSERT OR IGNORE INTO facts VALUES ('lanes', ?)", (lanes,))
    return _fact(events, "lanes")


def _identity(events: apsw.Connection) -> int:
    """A number by which the files that belong to this log are known."""
    events.execute(
        "INSERT OR IGNORE INTO facts VALUES ('identity', 1 + abs(random() % 2147483646))"
    )
    return _fact(events, "identity")


def _fact(events: apsw.Connection, name: str) -> int:
    return int(events.execute("SELECT value FROM facts WHERE name = ?", (name,)).get or 0)


def _newest(events: apsw.Connection) -> tuple[int, int]:
    sql = "SELECT offset, received_us FROM events ORDER BY offset DESC LIMIT 1"
    row = events.execute(sql).fetchone()
    return row if row is not None else (0, 0)
