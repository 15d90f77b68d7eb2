"""Making a commit happen: again where its connection was lost, and once whatever happens.

A commit that is lost on its way may have been made. Each carries its writer and a number, which
the server keeps in the same transaction: the next attempt finds them there, under the lock that
the first one held, and answers as the first one would have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.receipt import not_before
from event_system.eventlog.sql.commit import (
    CommittedError,
    GroupCommit,
    Operation,
    RoomError,
    introduce,
    name_of,
)
from event_system.eventlog.sql.engine import Engine, OneStep, Stamp
from event_system.eventlog.sql.filters import Window
from event_system.eventlog.sql.line import Line
from event_system.eventlog.sql.partitions import Partitions
from event_system.events.event import Row
from event_system.events.ports import Commit
from event_system.kernel.clock import Clock
from event_system.kernel.errors import (
    DatabaseBusyError,
    DatabaseConflictError,
    DatabaseUnreachableError,
    EventSystemError,
    StorageError,
    UnknownOutcomeError,
)
from event_system.sql.failures import translated

Work: TypeAlias = "Sequence[Row] | Operation[Any]"

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
LARGEST_COMMIT = 8192
"""Rows in one transaction: while it lasts nobody else appends."""

LARGEST_COMMIT_BYTES = 16_777_216

_PASSING = (DatabaseUnreachableError, DatabaseBusyError, DatabaseConflictError)


class Outcome(NamedTuple):
    """A commit that was made, and the answer to each piece of work in it."""

    commit: Commit
    answers: list[Any]


class _Attempt:
    """A batch on its way. `is_sent` says that it may have been made without our knowing.

    `outcome` is what it then has come to.
    """

    def __init__(self, number: int, batch: Sequence[Work]) -> None:
        self.number = number
        self.batch = batch
        self.is_sent = False
        self.outcome: Outcome | None = None

    def judged(self, error: EventSystemError) -> EventSystemError:
        """What its senders are told where there is no time for another attempt."""
        return UnknownOutcomeError(f"the answer was lost: {error}") if self.is_sent else error


class SqlAttempts:
    """The commits of one writer, numbered. Implements `writer.Attempts`."""

    patience_seconds = 5.0
    largest = LARGEST_COMMIT
    largest_bytes = LARGEST_COMMIT_BYTES

    def __init__(
        self,
        line: Line,
        engine: Engine,
        partitions: Partitions,
        *,
        writer: str,
        clock: Clock,
    ) -> None:
        self.window = Window(0, 0)
        self._line = line
        self._engine = engine
        self._partitions = partitions
        self._writer = writer
        self._clock = clock
        self._number = 0
        self._types: set[str] = set()

    async def commit(self, batch: Sequence[Work], patience_seconds: float) -> Outcome:
        """All of a batch in one transaction.

        A server that is away is waited for. Raises `UnknownOutcomeError` where it may have been
        stored all the same, another `StorageError` where it was not, and what the server says of
        a row that it does not take.
        """
        self._number += 1
        attempt = _Attempt(self._number, batch)
        deadline = self._clock.monotonic() + patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                outcome = await self._try(attempt)
            except RoomError:
                await self._partitions.extend(sum(map(_size, batch)) + LARGEST_COMMIT)
            except _PASSING as error:
                if self._clock.monotonic() + pause > deadline:
                    raise attempt.judged(error) from error
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                self._types.update(row[5] for row in outcome.commit.rows)
                return outcome

    async def ends(self) -> tuple[int, int]:
        """Head and floor as they are committed, by whomever. Raises `StorageError`."""
        _, driver = await self._line.take()
        try:
            with translated():
                return await self._engine.ends(driver)
        except BaseException:
            await self._line.discard()
            raise

    async def close(self) -> None:
        await self._line.close()

    async def _try(self, attempt: _Attempt) -> Outcome:
        connection, driver = await self._line.take()
        try:
            with translated():
                return await self._made(connection, driver, attempt)
        except RoomError:
            raise
        except BaseException as error:
            if not isinstance(error, DatabaseUnreachableError):
                attempt.is_sent = False  # the server has said no
            await self._line.discard()
            raise

    async def _made(self, connection: AsyncConnection, driver: Any, attempt: _Attempt) -> Outcome:
        way = self._engine.one_step
        rows = None if way is None else self._plain(attempt.batch, way.most_rows)
        try:
            if way is None or rows is None:
                return await self._in_steps(connection, driver, attempt)
            return await self._in_one_step(way, driver, attempt, rows)
        except CommittedError:
            if (first := await self._engine.stamped(driver, self._writer)) is None:
                await connection.execute(introduce(self._writer, self._clock.now_us()))
                raise DatabaseConflictError("it was forgotten that this node appends") from None
            return attempt.outcome or await self._recalled(driver, attempt, first)

    # In one step

    def _plain(self, batch: Sequence[Work], most: int) -> list[Row] | None:
        """The rows of a batch that can go in one step: few, no twins, of known types."""
        rows: list[Row] = []
        for work in batch:
            if isinstance(work, Operation) or len(rows) + len(work) > most:
                return None
            rows += work
        if not rows or len(set(map(name_of, rows))) < len(rows):
            return None
        in_order = all(before[10] <= after[10] for before, after in pairwise(rows))
        return rows if in_order and self._types.issuperset(row[5] for row in rows) else None

    async def _in_one_step(
        self, way: OneStep, driver: Any, attempt: _Attempt, rows: Sequence[Row]
    ) -> Outcome:
        stamp = Stamp(self._writer, attempt.number, 0)
        attempt.is_sent = True
        window = self.window
        since = window.since(row[0] for row in rows)
        landed = await way.append(driver, rows, stamp, since, window.us)
        if landed.first is None:
            raise CommittedError
        attempt.is_sent = False
        if landed.first == 0:
            raise RoomError
        return _outcome(attempt.batch, rows, landed.first, landed.not_before, landed.twins)

    # In steps

    async def _in_steps(
        self, connection: AsyncConnection, driver: Any, attempt: _Attempt
    ) -> Outcome:
        await self._engine.begin(driver)
        head = await self._engine.lock(driver)
        commit = GroupCommit(connection, driver, self._engine, self.window, head)
        await commit.look_for(rows_of(attempt.batch))
        answers = [await answer(work, commit) for work in attempt.batch]
        try:
            await commit.end(self._writer, attempt.number, self._types)
        except (RoomError, CommittedError):
            await self._engine.roll_back(driver)
            raise
        told = Commit(commit.first, commit.pending, commit.duplicates)
        attempt.outcome = Outcome(told, answers)
        attempt.is_sent = True
        await self._engine.commit(driver)
        return attempt.outcome

    async def _recalled(self, driver: Any, attempt: _Attempt, first: int) -> Outcome:
        """What a commit in one step came to whose answer was lost; its rows stand from `first`."""
        rows = list(rows_of(attempt.batch))
        stored = await self._engine.twins(driver, [row[0] for row in rows], self.window.young)
        found = {(twin.source, twin.id): twin for twin in sorted(stored)}
        twins = {
            index: at.offset
            for index, row in enumerate(rows)
            if (at := found[name_of(row)]).offset < first
        }
        clamped = [not_before(row, found[name_of(row)].received_us) for row in rows]
        return _outcome(attempt.batch, clamped, first, 0, twins)


def _size(work: Work) -> int:
    return len(work.rows if isinstance(work, Operation) else work)


def rows_of(batch: Iterable[Work]) -> Iterable[Row]:
    """All rows that a batch may append."""
    for work in batch:
        yield from work.rows if isinstance(work, Operation) else work


async def answer(work: Work, commit: GroupCommit) -> Any:
    """What the work's sender is told. A refusal is its own result alone."""
    if not isinstance(work, Operation):
        return await commit.append(work)
    try:
        return await work.run(commit)
    except StorageError:
        raise
    except EventSystemError as refusal:
        return refusal


def _outcome(
    batch: Sequence[Work], rows: Sequence[Row], first: int, us: int, twins: dict[int, int]
) -> Outcome:
    """Of rows that are in the log now, from `first` on, but for the twins of earlier ones."""
    offsets: list[int] = []
    pending: list[Row] = []
    for index, row in enumerate(rows):
        if (twin := twins.get(index)) is None:
            offsets.append(first + len(pending))
            pending.append(not_before(row, us))
        else:
            offsets.append(-twin)
    answers: list[Any] = []
    for work in batch:
        answers.append(offsets[: len(work)])  # type: ignore[arg-type]  # rows
        del offsets[: len(work)]  # type: ignore[arg-type]
    return Outcome(Commit(first, pending, len(twins)), answers)
