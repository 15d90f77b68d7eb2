"""The one thread that writes the log: group commit.

Submissions that arrive while one transaction is on its way to the disk form the next one, so
one fsync serves them all. Nobody is told anything before the commit returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

import apsw

from event_system.eventlog.sqlite.dedupe import Dedupe
from event_system.eventlog.sqlite.schema import COLUMNS
from event_system.events.event import Row
from event_system.events.ports import Appended, Commit
from event_system.kernel.errors import StoppingError, StorageError

MAX_ROWS_PER_COMMIT = 8192
_LARGEST_BUCKET = 256  # apsw keeps prepared statements of up to 16 kB of SQL text

Done: TypeAlias = Callable[[Appended], None]
Submission: TypeAlias = tuple[Sequence[Row], Done]
Outcome: TypeAlias = list[tuple[Done, Appended]]

_log = logging.getLogger(__name__)


def _insert(rows: int) -> str:
    group = "(" + ",".join("?" * len(COLUMNS)) + ")"
    return f"INSERT INTO events ({','.join(COLUMNS)}) VALUES {','.join([group] * rows)}"  # noqa: S608 - our own names


_BUCKETS = [(1 << power, _insert(1 << power)) for power in range(8, -1, -1)]
assert _BUCKETS[0][0] == _LARGEST_BUCKET


class Writer:
    """Appends submissions in their order. `submit` is called on the loop's thread only.

    `on_commit` is called on the loop after each commit, before the submitters are told.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        dedupe: Dedupe,
        *,
        head: int,
        loop: asyncio.AbstractEventLoop,
        on_commit: Callable[[Commit, float], None],
        now_us: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self.head = head  # the loop's view: durable and told
        self.failure: str | None = None
        self._next = head + 1  # the thread's view
        self._connection = connection
        self._dedupe = dedupe
        self._loop = loop
        self._on_commit = on_commit
        self._now_us = now_us
        self._monotonic = monotonic
        self._queue: deque[Submission] = deque()
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._sleeping = True
        self._closed = False
        self._thread = Thread(target=self._run, name="eventlog-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, rows: Sequence[Row], done: Done) -> None:
        if self._closed:
            done(StoppingError())
            return
        self._queue.append((rows, done))
        if self._sleeping:
            self._sleeping = False
            # after this turn of the loop, so that all requests that it reads share a commit
            self._loop.call_soon(self._wake.put, True)

    async def stop(self) -> None:
        """Write what was submitted, then end the thread."""
        self._closed = True
        self._wake.put(False)
        await asyncio.to_thread(self._thread.join)

    # The thread

    def _run(self) -> None:
        while self._wake.get():
            self._drain()
            self._sleeping = True
            if self._queue:  # left for later, or submitted before the flag was set
                self._on_loop(self._nudge)
        while self._queue:
            self._drain()

    def _drain(self) -> None:
        """Commit what waits, as long as that is worth a commit of its own.

        The few that wait right after a commit are the first ones of a turn of the loop whose
        others are being read at this moment: they wait for the end of that turn.
        """
        size = 0
        while len(self._queue) > size // 2 and (batch := self._take()):
            size = len(batch)
            self._write(batch)
            self._dedupe.settle(self._now_us())

    def _take(self) -> list[Submission]:
        batch: list[Submission] = []
        rows = 0
        while rows < MAX_ROWS_PER_COMMIT:
            try:
                submission = self._queue.popleft()
            except IndexError:
                break
            batch.append(submission)
            rows += len(submission[0])
        return batch

    def _write(self, batch: list[Submission]) -> None:
        started = self._monotonic()
        fresh: list[Row] = []
        first = self._next
        try:
            outcome = self._transaction(batch, fresh)
        except Exception as error:  # noqa: BLE001 - whatever it is, the senders must be told
            self._roll_back(fresh)
            if len(batch) > 1 and not isinstance(error, apsw.FullError | apsw.IOError):
                for submission in batch:  # one bad row must not refuse its neighbours'
                    self._write([submission])
                return
            self.failure = str(error)
            _log.error("a commit failed: %s", error, extra={"context": {"rows": len(fresh)}})
            refusal = StorageError(f"nothing was stored: {error}")
            self._tell(None, [(done, refusal) for _, done in batch], 0.0)
        else:
            self._next = first + len(fresh)
            self.failure = None
            handed = sum(len(rows) for rows, _ in batch)
            commit = Commit(first, fresh, handed - len(fresh))
            self._tell(commit, outcome, self._monotonic() - started)

    def _transaction(self, batch: list[Submission], fresh: list[Row]) -> Outcome:
        at = self._next
        may_know, recent = self._dedupe.may_know, self._dedupe.recent
        outcome: Outcome = []
        self._connection.execute("BEGIN IMMEDIATE")
        for rows, done in batch:
            offsets = []
            for row in rows:
                key = row[0] ^ row[3]
                if may_know(key):
                    stored = self._dedupe.find(row, fresh, at)
                    if stored is not None:
                        offsets.append(-stored)
                        continue
                    recent.pop(key, None)
                recent[key] = at
                fresh.append(row)
                offsets.append(at)
                at += 1
            outcome.append((done, offsets))
        if fresh:
            self._insert(fresh)
            last = self._connection.last_insert_rowid()
            if last != at - 1:
                raise StorageError(f"the log ends at {last}, not {at - 1}")
        self._connection.execute("COMMIT")
        return outcome

    def _insert(self, rows: list[Row]) -> None:
        """Insert with few statements: buckets of powers of two stay in the statement cache."""
        execute = self._connection.execute
        start, left = 0, len(rows)
        for size, sql in _BUCKETS:
            while left >= size:
                execute(sql, tuple(chain.from_iterable(rows[start : start + size])))
                start += size
                left -= size

    def _roll_back(self, fresh: list[Row]) -> None:
        self._dedupe.forget(fresh)
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _tell(self, commit: Commit | None, outcome: Outcome, seconds: float) -> None:
        self._on_loop(self._deliver, commit, outcome, seconds)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is gone; nobody is left to be told
            _log.warning("the writer worked on after the loop had ended")

    # The loop

    def _nudge(self) -> None:
        if self._queue and self._sleeping:
            self._sleeping = False
            self._loop.call_soon(self._wake.put, True)

    def _deliver(self, commit: Commit | None, outcome: Outcome, seconds: float) -> None:
        if commit is not None and (commit.rows or commit.duplicates):
            self.head = commit.first + len(commit.rows) - 1
            self._on_commit(commit, seconds)
        for done, appended in outcome:
            done(appended)
