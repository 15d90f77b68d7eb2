"""The embedded event log, put together from its parts."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import apsw

from event_system.eventlog.sqlite.dedupe import Dedupe
from event_system.eventlog.sqlite.history import SqliteHistory
from event_system.eventlog.sqlite.index import RUN_EVENTS, Indexer
from event_system.eventlog.sqlite.reader import Reader
from event_system.eventlog.sqlite.schema import connect_events, connect_reader
from event_system.eventlog.sqlite.writer import Done, Writer
from event_system.events.event import Row
from event_system.events.ports import Commit, Slice
from event_system.kernel.clock import Clock
from event_system.kernel.errors import DataDirectoryError


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`lanes` counts at the first start only; afterwards the data directory's own holds."""

    directory: Path
    lanes: int
    dedupe_window_us: int


class SqliteEventLog:
    """Implements `events.ports.EventLog`; `history` implements `History`."""

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
        events = connect_events(directory)
        self.lanes = _fixed_lanes(events, settings.lanes)
        head, self.last_received_us = _newest(events)
        self._indexer = Indexer(directory, head=head, on_run=self._run_built)
        self.reader = Reader(directory)
        self._lookup = connect_reader(directory)
        self.dedupe = Dedupe(
            events,
            self._lookup,
            directory,
            run_events=RUN_EVENTS,
            window_us=settings.dedupe_window_us,
        )
        since_us = clock.now_us() - settings.dedupe_window_us
        self.dedupe.load(head, self._indexer.indexed_through, since_us)
        self._writer = Writer(
            events,
            self.dedupe,
            head=head,
            loop=loop,
            on_commit=self._committed,
            now_us=clock.now_us,
            monotonic=clock.monotonic,
        )
        self.history = SqliteHistory(self.reader)
        self._events = events

    @property
    def head(self) -> int:
        return self._writer.head

    @property
    def failure(self) -> str | None:
        """Why the last commit failed; None after one that succeeded."""
        return self._writer.failure

    @property
    def index_failure(self) -> str | None:
        """Why the index does not grow at present; searches then scan the log."""
        return self._indexer.failure

    def start(self) -> None:
        self._writer.start()
        self._indexer.start()

    def submit(self, rows: Sequence[Row], done: Done) -> None:
        self._writer.submit(rows, done)

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        return await self.reader.read_after(after, limit, lanes)

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
        await asyncio.to_thread(self._indexer.stop)
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
    return int(events.execute("SELECT value FROM facts WHERE name = 'lanes'").get)


def _newest(events: apsw.Connection) -> tuple[int, int]:
    sql = "SELECT offset, received_us FROM events ORDER BY offset DESC LIMIT 1"
    row = events.execute(sql).fetchone()
    return row if row is not None else (0, 0)
