"""A table of failed deliveries, as it is called from the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

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

C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)
T = TypeVar("T")
Run: TypeAlias = Callable[[Callable[[C], T]], Awaitable[T]]
"""Calls a function with a connection, where that may block."""


class FailureTable(Protocol[C_contra]):
    """The SQL of a table of failures, on a connection whose transactions the caller holds.

    Each method does what `RetryStore` says of the one with its name.
    """

    def counts(self, connection: C_contra, /) -> dict[str, Counts]: ...
    def latest_us(self, connection: C_contra, /) -> int: ...
    def due(self, connection: C_contra, listener: str, now_us: int, limit: int, /) -> Due: ...
    def settle(
        self,
        connection: C_contra,
        failures: Sequence[Failure],
        done: Iterable[tuple[str, int]],
        /,
    ) -> None: ...
    def find(
        self,
        connection: C_contra,
        wanted: Selection,
        limit: int,
        after: Place | None,
        /,
        *,
        newest_first: bool,
    ) -> FailurePage: ...
    def among(self, connection: C_contra, offsets: Sequence[int], /) -> list[Failed]: ...
    def walk(
        self, connection: C_contra, wanted: FailedFilter, limit: int, /, *, newest_first: bool
    ) -> list[Failed]: ...
    def between(
        self, connection: C_contra, listener: str, after: int, through: int, limit: int, /
    ) -> list[Failure]: ...
    def count(
        self, connection: C_contra, wanted: Selection, limit: int, after: Place | None, /
    ) -> Step: ...
    def requeue(
        self,
        connection: C_contra,
        wanted: Selection,
        now_us: int,
        limit: int,
        after: Place | None,
        /,
    ) -> Step: ...
    def discard(
        self, connection: C_contra, wanted: Selection, limit: int, after: Place | None, /
    ) -> Step: ...
    def rewind(
        self, connection: C_contra, now_us: int, limit: int, after: Place | None, /
    ) -> Step: ...


class Known(msgspec.Struct, frozen=True):
    """What is told of a table without asking it."""

    counts: dict[str, Counts]
    latest_us: int


class RetryRows(Generic[C]):
    """Implements `delivery.ports.RetryStore`: a table, a way to read it and one to write it.

    `write` runs its work in a transaction. Whoever writes beside it looks at the table in the
    same transaction and calls `note` once that is committed.
    """

    def __init__(
        self, table: FailureTable[C], read: Run[C, Any], write: Run[C, Any], known: Known
    ) -> None:
        self._table = table
        self._read = read
        self._write = write
        self._known = known

    @property
    def counts(self) -> dict[str, Counts]:
        return self._known.counts

    @property
    def latest_us(self) -> int:
        return self._known.latest_us

    def note(self, known: Known) -> None:
        """Take over what a write has left."""
        self._known = known

    async def due(self, listener: str, now_us: int, limit: int) -> Due:
        found: Due = await self._read(lambda c: self._table.due(c, listener, now_us, limit))
        return found

    async def settle(self, failures: Sequence[Failure], done: Sequence[tuple[str, int]]) -> None:
        await self._change(lambda c: self._table.settle(c, failures, done))

    async def find(
        self, wanted: Selection, limit: int, after: Place | None, *, newest_first: bool
    ) -> FailurePage:
        page: FailurePage = await self._read(
            lambda c: self._table.find(c, wanted, limit, after, newest_first=newest_first)
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

    async def _change(self, work: Callable[[C], T]) -> T:
        def write(connection: C) -> tuple[T, Known]:
            result = work(connection)
            return result, look(self._table, connection)

        done: tuple[T, Known] = await self._write(write)
        self.note(done[1])
        return done[0]


def look(table: FailureTable[C], connection: C) -> Known:
    """What `RetryRows` tells without asking, as it is in the transaction of this connection."""
    return Known(table.counts(connection), table.latest_us(connection))
