"""The embedded log's files, written by hand, and the index over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue

from event_system.eventlog.sqlite.index import Indexer
from event_system.eventlog.sqlite.schema import COLUMNS, connect_events
from event_system.events.event import Row
from tests.support.waiting import PATIENCE_SECONDS

_INSERT = f"INSERT INTO events ({','.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"


class StoredLog:
    """A log in a directory; `run_events` is small, so that a few events make many runs."""

    def __init__(self, directory: Path, run_events: int = 8) -> None:
        self.directory = directory
        self.run_events = run_events
        self.rows: list[Row] = []
        self._events = connect_events(directory)

    @property
    def head(self) -> int:
        return len(self.rows)

    def append(self, rows: Iterable[Row]) -> None:
        new = list(rows)
        with self._events:
            self._events.executemany(_INSERT, new)
        self.rows += new

    def indexer(self, on_run: Callable[[int, int, int], None]) -> Indexer:
        return Indexer(
            self.directory,
            head=self.head,
            on_run=on_run,
            run_events=self.run_events,
            rest_seconds=0,
        )

    def build_index(self) -> None:
        """Index every whole run of the log."""
        built: SimpleQueue[int] = SimpleQueue()
        indexer = self.indexer(lambda first, last, run: built.put(last))
        due = self.head - self.head % self.run_events
        through = indexer.indexed_through
        indexer.start()
        while through < due:
            through = built.get(timeout=PATIENCE_SECONDS)
        indexer.stop()

    def close(self) -> None:
        self._events.close()
