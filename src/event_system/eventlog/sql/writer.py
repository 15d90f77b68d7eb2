"""The one task of a node that appends: group commit, and following what other nodes append.

Submissions that arrive while one transaction is on its way form the next one. Nobody is told
anything before the commit returned. What others have appended is told in between, so that
`on_commit` sees every event once, in the order of offsets.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

from event_system.eventlog.sql.attempts import Outcome, Work
from event_system.eventlog.sql.commit import Operation
from event_system.eventlog.sql.filters import Window
from event_system.events.event import Row
from event_system.events.ports import Commit
from event_system.kernel.errors import EventSystemError, StoppingError, StorageError

LOOK_BACK_SECONDS = 60.0
"""How often it is found out which partitions have left the window for duplicates."""

Done: TypeAlias = Callable[[Any], None]
Submission: TypeAlias = tuple[Work, Done]
OnCommit: TypeAlias = Callable[[Commit, float], None]

_log = logging.getLogger(__name__)


class Attempts(Protocol):
    """Makes commits happen, one after the other."""

    patience_seconds: float
    """How long senders wait for a server that is away; those who come later are refused at once."""

    largest: int
    """Rows of several senders in one commit."""

    largest_bytes: int
    """Bytes of data of several senders in one commit."""

    window: Window

    async def commit(self, batch: Sequence[Work], patience_seconds: float) -> Outcome:
        """Make one commit of all work. Raises `StorageError`, and what one piece of work is."""

    async def ends(self) -> tuple[int, int]:
        """Head and floor as they are committed, by whomever. Raises `StorageError`."""

    async def close(self) -> None: ...


class Source(Protocol):
    """Where is read what others have appended."""

    async def commit(self, after: int, through: int) -> Commit:
        """The first events between these offsets, as far as they stand close together."""


class Writer:
    """Appends submissions in their order.

    `head` is the newest offset that has been told; `on_commit` is called before the submitters.
    """

    def __init__(
        self,
        attempts: Attempts,
        source: Source,
        *,
        head: int,
        on_commit: OnCommit,
        poll_seconds: float,
        look_back: Callable[[], Awaitable[None]],
        monotonic: Callable[[], float],
    ) -> None:
        self.head = head
        self.floor = 0
        self.failure: str | None = None
        self._attempts = attempts
        self._source = source
        self._on_commit = on_commit
        self._poll_seconds = poll_seconds
        self._look_back = look_back
        self._monotonic = monotonic
        self._look_back_at = 0.0
        self._queue: deque[Submission] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="eventlog-writer")

    def submit(self, work: Work, done: Done) -> None:
        """Append rows, or do an operation, in the next transaction.

        `done` is called once that is durable: with the rows' offsets or what the operation
        returned, or with an error.
        """
        if self._closed:
            done(StoppingError())
            return
        self._queue.append((work, done))
        self._wake.set()

    async def stop(self) -> None:
        """Write what was submitted, then end the task."""
        self._closed = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._attempts.close()

    async def _run(self) -> None:
        while not self._closed or self._queue:
            if not self._queue:
                await self._rest()
            if self._monotonic() >= self._look_back_at:
                self._look_back_at = self._monotonic() + LOOK_BACK_SECONDS
                await self._try_to(self._look_back)
            while self._queue:
                await asyncio.sleep(0)  # all that this turn of the loop submits shares a commit
                await self._write(self._take())

    async def _rest(self) -> None:
        """Until something is submitted; meanwhile tell what others append."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds):
                await self._wake.wait()
            return
        await self._try_to(self._follow)

    async def _try_to(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next time may go better
            self._failed(error)

    async def _follow(self) -> None:
        head, self.floor = await self._attempts.ends()
        await self._catch_up(head)
        self.failure = None

    async def _catch_up(self, head: int) -> None:
        """Tell of what stands between what has been told and `head`, inclusive."""
        while self.head < head:
            commit = await self._source.commit(self.head, head)
            self._told(commit, 0.0)
            self.head = commit.first + len(commit.rows) - 1

    def _told(self, commit: Commit, seconds: float) -> None:
        if commit.rows:
            self.head = commit.first + len(commit.rows) - 1
        if commit.rows or commit.duplicates:
            _call(self._on_commit, commit, seconds)

    def _take(self) -> list[Submission]:
        batch: list[Submission] = []
        rows = size = 0
        largest, largest_bytes = self._attempts.largest, self._attempts.largest_bytes
        while self._queue and rows < largest and size < largest_bytes:
            work = self._queue[0][0]
            more: Sequence[Row] = work.rows if isinstance(work, Operation) else work
            bytes_ = sum(len(row[14] or b"") for row in more)
            if batch and (rows + len(more) > largest or size + bytes_ > largest_bytes):
                break
            rows += max(1, len(more))
            size += bytes_
            batch.append(self._queue.popleft())
        return batch

    async def _write(self, batch: list[Submission]) -> None:
        started = self._monotonic()
        patience = self._attempts.patience_seconds if self.failure is None else 0.0
        try:
            outcome = await self._attempts.commit([work for work, _ in batch], patience)
        except StorageError as error:
            self._refuse(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the senders must be told
            if len(batch) > 1:
                for submission in batch:  # one bad row must not refuse its neighbours'
                    await self._write([submission])
                return
            if isinstance(error, EventSystemError):
                _call(batch[0][1], error)
            else:
                self._refuse(batch, StorageError(f"nothing was stored: {error}"))
        else:
            self.failure = None
            await self._tell(outcome, started)
            for (_, done), answer in zip(batch, outcome.answers, strict=True):
                _call(done, answer)

    async def _tell(self, outcome: Outcome, started: float) -> None:
        """Tell of a commit, and before it of all that others appended before it.

        Where that cannot be read now, all of it is told once it can be.
        """
        seconds = self._monotonic() - started
        try:
            if outcome.commit.rows:
                await self._catch_up(outcome.commit.first - 1)
        except EventSystemError as error:
            _log.warning("what others appended cannot be read yet: %s", error)
        else:
            self._told(outcome.commit, seconds)

    def _refuse(self, batch: list[Submission], error: StorageError) -> None:
        self._failed(error)
        for _, done in batch:
            _call(done, error)

    def _failed(self, error: Exception) -> None:
        if self.failure is None:
            _log.error("the log fails: %s", error)
        self.failure = str(error)


def _call(told: Callable[..., None], *what: Any) -> None:
    """Tell somebody; what they make of it must not end the task."""
    try:
        told(*what)
    except Exception:  # noqa: BLE001 - it is theirs, and told
        _log.exception("telling of a commit failed")
