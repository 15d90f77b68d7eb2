"""Making a commit happen in the stream: again where others were faster, once whatever happens.

Each says which event it follows. So it takes its place, or none: an attempt whose answer was lost
either stands right there, which the next attempt finds out by reading on, or never will.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.backbone.commit import StreamCommit
from event_system.eventlog.backbone.projection import Projection
from event_system.eventlog.backbone.settings import StreamSettings
from event_system.eventlog.backbone.stream import Found, MovedError, Stream
from event_system.eventlog.sql.attempts import Outcome, Work, answer, rows_of
from event_system.eventlog.sql.commit import Operation
from event_system.eventlog.sql.engine import Engine
from event_system.eventlog.sql.filters import Window
from event_system.eventlog.sql.line import Line
from event_system.events.ports import Commit
from event_system.kernel.clock import Clock
from event_system.kernel.errors import (
    BackboneLagError,
    BackboneTooLargeError,
    BackboneUnreachableError,
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseUnreachableError,
    EventSystemError,
    UnknownOutcomeError,
)
from event_system.sql.failures import translated

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_PASSING = (
    BackboneLagError,
    BackboneUnreachableError,
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseUnreachableError,
)
_OF_THE_STREAM = (MovedError, BackboneLagError, BackboneTooLargeError, BackboneUnreachableError)

CONTESTED_SECONDS = 1.0
"""So long after another node's last commit a node takes turns with it."""

TURN_SECONDS = 0.5
"""How long a node waits for its turn."""


class _Attempt:
    """A batch on its way. `sent` is by its sign what each commit that was sent would come to.

    `landed` is what came of the one that the stream has. `is_sent` says that it may have one.
    """

    def __init__(self, sign: str, batch: Sequence[Work]) -> None:
        self.batch = batch
        self.writes = any(isinstance(work, Operation) and work.writes for work in batch)
        self.sent: dict[str, Outcome] = {}
        self.landed: Outcome | None = None
        self.is_sent = False
        self._sign = sign

    def next_sign(self) -> str:
        return f"{self._sign}.{len(self.sent)}"

    def look_for(self, found: Sequence[Found]) -> None:
        """Note whether one of its commits is among what was found in the stream."""
        for each in found:
            if self.landed is None:
                self.landed = self.sent.get(each.commit)

    def judged(self, error: EventSystemError) -> EventSystemError:
        """What its senders are told where there is no time for another attempt."""
        if self.landed is None and not self.is_sent:
            return error
        return UnknownOutcomeError(f"the answer was lost: {error}")


class StreamAttempts:
    """The commits of one writer. Implements `eventlog.sql.writer.Attempts`."""

    def __init__(
        self,
        stream: Stream,
        projection: Projection,
        line: Line,
        engine: Engine,
        settings: StreamSettings,
        *,
        writer: str,
        clock: Clock,
    ) -> None:
        self.window = Window(0, 0)
        self.largest = settings.max_batch
        self.largest_bytes = settings.max_batch_bytes
        self.patience_seconds = settings.patience_seconds
        self._stream = stream
        self._tail = projection.tail
        self._projection = projection
        self._line = line
        self._engine = engine
        self._writer = writer
        self._clock = clock
        self._number = 0
        self._is_behind = False
        self._alone_from = 0.0

    async def commit(self, batch: Sequence[Work], patience_seconds: float) -> Outcome:
        """Make one commit of all work, within about so many seconds.

        Servers that are away are waited for. Raises `UnknownOutcomeError` where it may have been
        stored all the same, `BackboneTooLargeError`, another `StorageError` where it was not.
        """
        for row in rows_of(batch):
            self._stream.check(row)
        self._number += 1
        attempt = _Attempt(f"{self._writer}.{self._number}", batch)
        deadline = self._clock.monotonic() + patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._try(attempt)
            except MovedError:
                if self._clock.monotonic() > deadline:
                    raise attempt.judged(_overtaken()) from None
            except _PASSING as error:
                if self._clock.monotonic() + pause > deadline:
                    raise attempt.judged(error) from error
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def ends(self) -> tuple[int, int]:
        """Head and floor as they are committed, by whomever. Raises `StorageError`."""
        await self._catch_up(None)
        return self._tail.head, self._projection.floor

    async def close(self) -> None:
        await self._line.close()

    async def _try(self, attempt: _Attempt) -> Outcome:
        connection, driver = await self._line.take()
        try:
            with translated():
                if self._clock.monotonic() >= self._alone_from:
                    return await self._tried(connection, driver, attempt)
                return await self._in_turn(connection, driver, attempt)
        except _OF_THE_STREAM:
            raise
        except BaseException:
            await self._line.discard()
            raise

    async def _in_turn(
        self, connection: AsyncConnection, driver: Any, attempt: _Attempt
    ) -> Outcome:
        """Among several nodes one after the other is faster than all against each other.

        Who holds up the others for too long does so in vain: no turn is needed to be right.
        """
        has_turn = await self._engine.take_turn(driver, TURN_SECONDS)
        self._is_behind = True
        try:
            return await self._tried(connection, driver, attempt)
        finally:
            if has_turn:
                await self._engine.end_turn(driver)

    async def _tried(self, connection: AsyncConnection, driver: Any, attempt: _Attempt) -> Outcome:
        if self._is_behind:
            await self._catch_up(attempt)
        if attempt.landed is not None and not attempt.writes:
            return attempt.landed
        if self._tail.is_full:
            raise BackboneLagError("the database has not taken over what waits in the backbone")
        return await self._made(connection, driver, attempt)

    async def _made(self, connection: AsyncConnection, driver: Any, attempt: _Attempt) -> Outcome:
        """The commit in the stream, and then the transaction of what it writes beside that."""
        if not attempt.writes:
            return await self._appended(connection, driver, attempt)
        await self._engine.begin(driver)
        await self._engine.lock(driver)
        try:
            outcome = await self._appended(connection, driver, attempt)
        except _OF_THE_STREAM:
            await self._engine.roll_back(driver)
            raise
        await self._engine.commit(driver)
        return outcome

    async def _appended(
        self, connection: AsyncConnection, driver: Any, attempt: _Attempt
    ) -> Outcome:
        commit = StreamCommit(connection, driver, self._engine, self.window, self._tail)
        await commit.look_for(rows_of(attempt.batch))
        answers = [await answer(work, commit) for work in attempt.batch]
        told = Outcome(Commit(commit.first, commit.pending, commit.duplicates), answers)
        if commit.pending:
            await self._append(attempt, told)
        # Where an earlier attempt has landed, its answers are those that count.
        return attempt.landed or told

    async def _append(self, attempt: _Attempt, told: Outcome) -> None:
        """Let the stream take what is pending, and note that it has."""
        rows = told.commit.rows
        if len(rows) > self.largest:
            raise BackboneTooLargeError(
                f"{len(rows)} events at once, over backbone.max_batch of {self.largest}"
            )
        sign = attempt.next_sign()
        attempt.sent[sign] = told
        was_sent, attempt.is_sent = attempt.is_sent, True
        self._is_behind = True
        try:
            await self._stream.append(rows, told.commit.first - 1, sign)
        except BackboneUnreachableError:
            raise
        except BaseException:
            attempt.is_sent = was_sent  # the servers have said no
            raise
        self._is_behind = False
        attempt.landed = attempt.landed or told
        self._tail.extend(rows)

    async def _catch_up(self, attempt: _Attempt | None) -> None:
        """Take all that the stream has beyond the tail; notes whether the attempt is there."""
        while found := await self._stream.after(self._tail.head):
            self._tail.take(found)
            if attempt is not None:
                attempt.look_for(found)
            if not all(each.commit.startswith(f"{self._writer}.") for each in found):
                self._alone_from = self._clock.monotonic() + CONTESTED_SECONDS
        self._is_behind = False


def _overtaken() -> EventSystemError:
    return BackboneUnreachableError("other nodes append all the time; this one did not get through")
