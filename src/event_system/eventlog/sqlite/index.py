"""The index of the log, built in sorted runs on a thread of its own.

A run covers a fixed number of offsets. It holds an entry for each id, and for each subject, type
and source that occurs in it the list of its offsets: exact, and three bytes an event. A key that a
sample shows to be everywhere has no list: a search would not read it. Everything here is derived: an
index that cannot be trusted is deleted and built again while queries scan the log.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from threading import Event, Thread

import apsw

from event_system.eventlog.sqlite.schema import (
    INDEX_FILE,
    INDEX_LAYOUT,
    connect_index,
)
from event_system.sqlite.files import DAMAGE
from event_system.sqlite.transactions import transaction

RUN_EVENTS = 16_384  # places in a run are code points, so there may be 55,295 at most
REST_SECONDS = 0.05
HURRY_RUNS = 16
RETRY_SECONDS = 5.0
DAMAGED_FILE = "index.damaged"
SAMPLE = 64
"""Events of a run, about, by which is told what is everywhere: in more than a quarter of them."""

_log = logging.getLogger(__name__)

_INSERT_IDS = """
INSERT INTO ids SELECT :run, id_key, offset FROM log.events
WHERE offset BETWEEN :first AND :last ORDER BY id_key, offset
"""
# A list is in no order, and hashes of two kinds may be equal; one list then serves both.
_INSERT_POSTINGS = """
WITH everywhere(key) AS MATERIALIZED (SELECT value FROM json_each(:everywhere))
INSERT INTO postings
SELECT :run, key, CAST(group_concat(char(offset - :first + 1), '') AS BLOB)
FROM (
    SELECT type_key AS key, offset FROM log.events
        WHERE offset BETWEEN :first AND :last AND type_key NOT IN everywhere
    UNION ALL
    SELECT source_key, offset FROM log.events
        WHERE offset BETWEEN :first AND :last AND source_key NOT IN everywhere
    UNION ALL
    SELECT subject_key, offset FROM log.events
        WHERE offset BETWEEN :first AND :last AND subject_key IS NOT NULL
        AND subject_key NOT IN everywhere
) GROUP BY key
UNION ALL SELECT :run, key, NULL FROM everywhere
"""
_SAMPLED = """
SELECT type_key, source_key, subject_key FROM log.events
WHERE offset BETWEEN :first AND :last AND (offset - :first) % :step = 0
"""
_SELECT_TYPES = """
SELECT DISTINCT type, type_key FROM log.events WHERE offset BETWEEN :first AND :last
"""
_INSERT_TYPE = "INSERT OR IGNORE INTO types VALUES (?, ?)"
_INSERT_TYPE_RUN = "INSERT OR IGNORE INTO type_runs VALUES (?, ?)"
_INSERT_RUN = "INSERT INTO runs VALUES (:run, :first, :last)"
_NEWEST_RUN = "SELECT run, first_offset, last_offset FROM runs ORDER BY run DESC LIMIT 1"
_OF_THIS_LOG = """
SELECT 1 FROM log.events e CROSS JOIN ids i
ON i.run = :run AND i.key = e.id_key AND i.offset = e.offset WHERE e.offset = :last
"""


class Indexer:
    """Builds a run whenever the log has grown by one. `notify` is cheap; any thread may call it.

    `on_run(first, last, run)` is called on the indexer's thread after each commit.
    `indexed_through` is the last offset of the newest run; the log beyond it is not indexed.
    `failure` says why no run can be built at present.
    """

    def __init__(
        self,
        directory: Path,
        *,
        head: int,
        on_run: Callable[[int, int, int], None],
        floor: int = 0,
        run_events: int = RUN_EVENTS,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self.failure: str | None = None
        self._directory = directory
        self._head = head
        self._on_run = on_run
        self._run_events = run_events
        self._rest_seconds = rest_seconds
        self._floor = self._forgotten = floor
        self._connection = open_index(directory, head, floor, run_events)
        newest = self._connection.execute(_NEWEST_RUN).fetchone()
        self.indexed_through: int = newest[2] if newest else floor - floor % run_events
        self._wake = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="eventlog-indexer", daemon=True)

    def start(self) -> None:
        self._wake.set()
        self._thread.start()

    def notify(self, head: int) -> None:
        """The log has grown up to `head`."""
        self._head = head
        if self._is_due() and not self._wake.is_set():
            self._wake.set()

    def forget(self, floor: int) -> None:
        """Events up to `floor` are deleted: drop the runs before it, but for the newest."""
        self._floor = floor
        if floor - self._forgotten >= self._run_events:
            self._wake.set()

    def build(self) -> None:
        """Build all runs that are due here and now, without the thread."""
        while self._is_due():
            self._build_run()

    def stop(self) -> None:
        """End the thread after the run that it is building, and close the index."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()

    # The thread

    def _run(self) -> None:
        while self._wake.wait() and not self._stopping.is_set():
            self._wake.clear()
            try:
                self._build_due_runs()
                self._drop_old_runs()
            except DAMAGE as error:
                self.failure = str(error)
                distrust(self._directory, error)
                return
            except apsw.Error as error:
                self.failure = str(error)
                _log.warning("the index could not be extended and will be later: %s", error)
                self._stopping.wait(RETRY_SECONDS)
                self._wake.set()

    def _build_due_runs(self) -> None:
        while self._is_due():
            self._build_run()
            self.failure = None
            if self._stopping.wait(self._rest()):
                return

    def _drop_old_runs(self) -> None:
        """One run a transaction, oldest first."""
        old = "SELECT run FROM runs WHERE last_offset <= ? ORDER BY run"
        self._forgotten = self._floor
        last = min(self._floor, self.indexed_through - 1)
        for (run,) in self._connection.execute(old, (last,)).fetchall():
            with transaction(self._connection):
                for table in ("ids", "postings", "type_runs", "runs"):
                    self._connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608 - our own names
            if self._stopping.wait(self._rest_seconds):
                return

    def _rest(self) -> float:
        """Leave the processor to those who write, though not for ever: they go on writing."""
        behind = self._head - self.indexed_through > HURRY_RUNS * self._run_events
        return self._rest_seconds / 5 if behind else self._rest_seconds

    def _is_due(self) -> bool:
        return self._head - self.indexed_through >= self._run_events

    def _build_run(self) -> None:
        first = self.indexed_through + 1
        last = first + self._run_events - 1
        run = (first - 1) // self._run_events
        with transaction(self._connection):
            self._insert_run(run, first, last)
        self.indexed_through = last
        self._on_run(first, last, run)

    def _insert_run(self, run: int, first: int, last: int) -> None:
        span = {"run": run, "first": first, "last": last}
        index = self._connection
        index.execute(_INSERT_IDS, span)
        index.execute(_INSERT_POSTINGS, {**span, "everywhere": self._everywhere(span)})
        types = index.execute(_SELECT_TYPES, span).fetchall()
        index.executemany(_INSERT_TYPE, types)
        index.executemany(_INSERT_TYPE_RUN, [(key, run) for _, key in types])
        index.execute(_INSERT_RUN, span)

    def _everywhere(self, span: dict[str, int]) -> str:
        """The keys in more than a quarter of a sample of the run's events, as a JSON array."""
        step = max(1, self._run_events // SAMPLE)
        sampled = self._connection.execute(_SAMPLED, {**span, "step": step}).fetchall()
        found = Counter(chain.from_iterable(map(set, sampled)))
        del found[None]
        return json.dumps([key for key, times in found.items() if 4 * times > len(sampled)])


def open_index(directory: Path, head: int, floor: int, run_events: int) -> apsw.Connection:
    """The index's connection; an index that does not fit the log is deleted first."""
    fault: str | None = "damage was found while it was in use"
    if not (directory / DAMAGED_FILE).exists():
        try:
            connection = connect_index(directory)
            fault = _fault(connection, head, floor, run_events)
        except DAMAGE as error:
            fault = str(error)
        else:
            if fault is None:
                return connection
            connection.close()
    _log.warning("the index is built again, searches are slower meanwhile: %s", fault)
    return _replace(directory)


def _fault(index: apsw.Connection, head: int, floor: int, run_events: int) -> str | None:
    """Why the index does not fit the log; None where it does."""
    if index.pragma("user_version") != INDEX_LAYOUT:
        return "it has another layout"
    newest = index.execute(_NEWEST_RUN).fetchone()
    if newest is None:
        return None
    run, first, last = newest
    if last > head:
        return f"it reaches to offset {last}, the log only to {head}"
    if last - first + 1 != run_events:
        return f"its runs have {last - first + 1} events instead of {run_events}"
    known = last <= floor or index.execute(_OF_THIS_LOG, {"run": run, "last": last}).fetchone()
    if not known:
        return "it belongs to another log"
    return None


def _replace(directory: Path) -> apsw.Connection:
    mark = directory / DAMAGED_FILE  # stands until the new index does
    mark.touch()
    for suffix in ("-wal", "-shm", ""):
        (directory / f"{INDEX_FILE}{suffix}").unlink(missing_ok=True)
    connection = connect_index(directory)
    mark.unlink()
    return connection


def build_again(
    directory: Path,
    *,
    head: int,
    floor: int,
    run_events: int,
    on_run: Callable[[int, int, int], None],
) -> None:
    """Build a new index of a log that nobody writes to; `on_run` as for `Indexer`."""
    _replace(directory).close()
    indexer = Indexer(directory, head=head, floor=floor, run_events=run_events, on_run=on_run)
    try:
        indexer.build()
    finally:
        indexer.stop()


def distrust(directory: Path, error: Exception) -> None:
    """Leave a mark by which the next start deletes the index and builds it again."""
    mark = directory / DAMAGED_FILE
    if not mark.exists():
        mark.touch()
        _log.error("the index is damaged; a restart of the node builds it again: %s", error)
