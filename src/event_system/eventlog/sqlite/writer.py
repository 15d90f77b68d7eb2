"""The one thread that writes the log: group commit.

Submissions that arrive while one transaction is on its way to the disk form the next one, so
one fsync serves them all. Nobody is told anything before the commit returned. `commit.py` has
what belongs to one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

import apsw

from event_system.eventlog.sqlite.commit import GroupCommit, Operation
from event_system.eventlog.sqlite.dedupe import Dedupe
from event_system.events.event import Row
from event_system.events.ports import Commit
from event_system.kernel.errors import EventSystemError, StoppingError, StorageError
from event_system.kernel.threads import in_thread

MAX_ROWS_PER_COMMIT = 8192

Done: TypeAlias = Callable[[Any], None]
Submission: TypeAlias = tuple["Sequence[Row] | Operation[Any]", Done]
Outcome: TypeAlias = list[tuple[Done, Any]]

_log = logging.getLogger(__name__)


class Writer:
    """Appends submissions in their order. `submit` is called on the loop's thread only.

    `newest` are the offset and the time of receipt of the last stored event. `on_commit` is called
    on the loop after each commit, before the submitters are told.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        dedupe: Dedupe,
        *,
        newest: tuple[int, int],
        loop: asyncio.AbstractEventLoop,
        on_commit: Callable[[Commit, float], None],
        now_us: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        head, received_us = newest
        self.head = head  # the loop's view: durable and told
        self.failure: str | None = None
        self._next = head + 1  # the thread's view
        self._received_us = received_us  # of the newest event
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

    def submit(self, work: Sequence[Row] | Operation[Any], done: Done) -> None:
        """Append rows, or do an operation, in the next transaction.

        `done` is called on the loop once that is durable: with the rows' offsets or what the
        operation returned, or with an error where nothing of it was stored.
        """
        if self._closed:
            done(StoppingError())
            return
        self._queue.append((work, done))
        if self._sleeping:
            self._sleeping = False
            # after this turn of the loop, so that all requests that it reads share a commit
            self._loop.call_soon(self._wake.put, True)

    async def stop(self) -> None:
        """Write what was submitted, then end the thread if it was started."""
        self._closed = True
        self._wake.put(False)
        if self._thread.ident is not None:
            await in_thread(self._thread.join)

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
            rows += len(submission[0])  # an operation counts as one
        return batch

    def _write(self, batch: list[Submission]) -> None:
        started = self._monotonic()
        commit = GroupCommit(self._connection, self._dedupe, self._next, self._received_us)
        try:
            outcome = self._transaction(batch, commit)
        except Exception as error:  # noqa: BLE001 - whatever it is, the senders must be told
            commit.roll_back()
            if len(batch) > 1 and not isinstance(error, apsw.FullError | apsw.IOError):
                for submission in batch:  # one bad row must not refuse its neighbours'
                    self._write([submission])
                return
            self.failure = str(error)
            context = {"context": {"rows": len(commit.pending)}}
            _log.error("a commit failed: %s", error, extra=context)
            refusal = StorageError(f"nothing was stored: {error}")
            self._tell(None, [(done, refusal) for _, done in batch], 0.0)
        else:
            self._next, self._received_us = commit.next, commit.received_us
            self.failure = None
            told = Commit(commit.first, commit.pending, commit.duplicates)
            self._tell(told, outcome, self._monotonic() - started)

    def _transaction(self, batch: list[Submission], commit: GroupCommit) -> Outcome:
        outcome: Outcome = []
        commit.begin()
        for work, done in batch:
            if type(work) is not Operation:
                outcome.append((done, commit.append(work)))  # type: ignore[arg-type]  # rows
                continue
            try:
                outcome.append((done, work.run(commit)))
            except EventSystemError as refusal:  # it has written nothing
                outcome.append((done, refusal))
        commit.end()
        return outcome

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
