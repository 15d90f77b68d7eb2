"""The side of a log on which events come in: what logs with a `Writer` have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar, cast

import sqlalchemy as sa

from event_system.eventlog.sql.commit import GroupCommit, Operation, append_if
from event_system.eventlog.sql.delayed import SqlDelayedStore
from event_system.eventlog.sql.facts import Facts
from event_system.eventlog.sql.filters import IdFilters, Window
from event_system.eventlog.sql.reader import Reader
from event_system.eventlog.sql.schedules import SqlScheduleStore
from event_system.eventlog.sql.search import first_received
from event_system.eventlog.sql.settings import LogSettings
from event_system.eventlog.sql.writer import Attempts, Done, OnCommit, Source, Writer
from event_system.events.event import Row
from event_system.events.ports import Commit
from event_system.kernel.clock import Clock
from event_system.kernel.tasks import settle
from event_system.sql.tables.log import LOG

T = TypeVar("T")


class Appending:
    """Submissions to a writer. Implements that part of `events.ports.EventLog`.

    `facts` are those of the log by now, `reader` reads its tables, `source` all of it. `delayed`
    and `schedules` implement `scheduling.ports`.
    """

    def __init__(
        self,
        attempts: Attempts,
        source: Source,
        reader: Reader,
        facts: Facts,
        settings: LogSettings,
        *,
        clock: Clock,
        on_commit: OnCommit,
    ) -> None:
        self.lanes, self.identity = facts.lanes, facts.identity
        self.reader = reader
        self._floor = facts.floor
        self._attempts = attempts
        self._on_commit = on_commit
        self._filters = IdFilters(reader, facts.head)
        attempts.window = Window(settings.dedupe_window_us, 0)
        self._writer = Writer(
            attempts,
            source,
            head=facts.head,
            on_commit=self._committed,
            poll_seconds=settings.poll_seconds,
            look_back=self._look_back,
            monotonic=clock.monotonic,
        )
        submit = self._writer.submit
        self.schedules = SqlScheduleStore(facts.schedules, submit)
        self.delayed = SqlDelayedStore(facts.waiting, facts.next_due_us, reader, submit)

    @property
    def head(self) -> int:
        return self._writer.head

    @property
    def failure(self) -> str | None:
        """Why the last commit failed; None after one that succeeded."""
        return self._writer.failure

    def find_duplicates_for(self, window_us: int) -> None:
        """From now on the same (source, id) within this time is the same event."""
        self._attempts.window = Window(window_us, 0)

    @property
    def window_us(self) -> int:
        """How long an event finds its duplicates."""
        return self._attempts.window.us

    def forget(self, through: int) -> None:
        """Events up to this offset have been deleted; nothing but retention may say so."""
        self._floor = max(self._floor, through)

    def start(self) -> None:
        self._writer.start()
        self._filters.start(self._filtered)

    async def _end(self) -> None:
        """Write what was submitted, and take nothing more."""
        await self._writer.stop()
        await self._filters.stop()

    def submit(self, rows: Sequence[Row], done: Done) -> None:
        self._writer.submit(rows, done)

    async def perform(
        self,
        work: Callable[[GroupCommit], Awaitable[T]],
        rows: Sequence[Row] = (),
        *,
        writes: bool = True,
    ) -> T:
        """What `work` returns, once that is durable; see `Operation`."""
        done = asyncio.get_running_loop().create_future()
        operation = Operation(work, rows, writes)
        self._writer.submit(operation, lambda result: settle(done, result))
        return cast("T", await done)

    async def append_if(self, row: Row, expected: int) -> int:
        return await self.perform(partial(append_if, row, expected), [row], writes=False)

    async def flush(self) -> None:
        """Wait until everything submitted so far is durable and told."""
        flushed = asyncio.get_running_loop().create_future()
        self._writer.submit((), flushed.set_result)
        await flushed

    async def _look_back(self) -> None:
        """Find out how far back the window for duplicates reaches by now.

        No row is received before the newest event, so none needs to look further back than this.
        """
        us = self._attempts.window.us
        async with self.reader.connection() as connection:
            newest_us = (await connection.execute(sa.select(LOG.c.received_us))).scalar_one()
            young = await first_received(connection, newest_us - us, self.reader.head())
        if self._attempts.window.us == us:
            self._filters.reach(young)
            self._attempts.window = self._filters.window(us, young)

    def _committed(self, commit: Commit, seconds: float) -> None:
        if self._filters.learn(commit):
            self._filtered()
        self._on_commit(commit, seconds)

    def _filtered(self) -> None:
        window = self._attempts.window
        self._attempts.window = self._filters.window(window.us, window.young)
