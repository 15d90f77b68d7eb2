"""The table of failed deliveries, as it is called from the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apsw

from event_system.database.sqlite.retries import RetryTable, Run
from event_system.delivery.ports import (
    Counts,
    Due,
    Failed,
    FailedFilter,
    Failure,
    FailurePage,
    Place,
    Selection,
    Step,
)

T = TypeVar("T")


class RetryRows:
    """Implements `delivery.ports.RetryStore`: a table, a way to read it and one to write it.

    `write` runs its work in a transaction.
    """

    def __init__(
        self, table: RetryTable, read: Run[Any], write: Run[Any], connection: apsw.Connection
    ) -> None:
        self._table = table
        self._read = read
        self._write = write
        self.counts: dict[str, Counts] = {}
        self.latest_us = 0
        self.refresh(connection)

    def refresh(self, connection: apsw.Connection) -> None:
        """Renew what is known without asking; called after a write, in whatever thread that was."""
        self.counts = self._table.counts(connection)
        self.latest_us = self._table.latest_us(connection)

    async def due(self, listener: str, now_us: int, limit: int) -> Due:
        found: Due = await self._read(lambda c: self._table.due(c, listener, now_us, limit))
        return found

    async def settle(self, failures: Sequence[Failure], done: Sequence[tuple[str, int]]) -> None:
        await self._change(lambda c: self._table.settle(c, failures, done))

    async def find(
        self, wanted: Selection, limit: int, after: Place | None, *, newest_first: bool
    ) -> FailurePage:
        page: FailurePage = await self._read(
            lambda c: self._table.find(c, wanted, limit, after, newest_first)
        )
        return page

    async def among(self, offsets: Sequence[int]) -> list[Failed]:
        found: list[Failed] = await self._read(lambda c: self._table.among(c, offsets))
        return found

    async def walk(self, wanted: FailedFilter, limit: int, *, newest_first: bool) -> list[Failed]:
        found: list[Failed] = await self._read(
            lambda c: self._table.walk(c, wanted, limit, newest_first=newest_first)
        )
        return found

    async def between(self, listener: str, after: int, through: int, limit: int) -> list[Failure]:
        now = self.counts.get(listener, Counts())
        if not (now.retrying or now.dead):
            return []
        found: list[Failure] = await self._read(
            lambda c: self._table.between(c, listener, after, through, limit)
        )
        return found

    async def count(self, wanted: Selection, limit: int, after: Place | None) -> Step:
        step: Step = await self._read(lambda c: self._table.count(c, wanted, limit, after))
        return step

    async def requeue(
        self, wanted: Selection, now_us: int, limit: int, after: Place | None
    ) -> Step:
        return await self._change(lambda c: self._table.requeue(c, wanted, now_us, limit, after))

    async def discard(self, wanted: Selection, limit: int, after: Place | None) -> Step:
        return await self._change(lambda c: self._table.discard(c, wanted, limit, after))

    async def rewind(self, now_us: int, limit: int, after: Place | None) -> Step:
        return await self._change(lambda c: self._table.rewind(c, now_us, limit, after))

    async def _change(self, work: Callable[[apsw.Connection], T]) -> T:
        def write(connection: apsw.Connection) -> T:
            result = work(connection)
            self.refresh(connection)
            return result

        result: T = await self._write(write)
        return result
