"""Failed deliveries in memory, by the real table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import apsw

from event_system.database.retry_rows import RetryRows, look
from event_system.database.sqlite.retries import RetryTable
from event_system.delivery.ports import DEAD, Failure

T = TypeVar("T")


class MemoryFailures:
    """Implements `delivery.dead_letters.Kept`; `put` what has failed."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        self._table = RetryTable("retries")
        self._table.create(self._connection)
        known = look(self._table, self._connection)
        self.retries = RetryRows(self._table, self._run, self._run, known)
        self.woken: list[str | None] = []

    async def _run(self, work: Callable[[apsw.Connection], T]) -> T:
        return work(self._connection)

    def put(self, *failures: Failure) -> None:
        self._table.record(self._connection, failures)
        self.retries.note(look(self._table, self._connection))

    def wake(self, listener: str | None, at_us: int) -> None:
        self.woken.append(listener)

    async def failures_of(self, offset: int) -> list[Failure]:
        return self._table.of(self._connection, offset)


def failure(
    listener: str = "x",
    offset: int = 1,
    *,
    at_us: int = 1_000_000,
    state: str = DEAD,
    type_: str = "player.login",
    attempts: int = 5,
) -> Failure:
    return Failure(
        listener=listener,
        offset=offset,
        lane=0,
        type=type_,
        state=state,
        attempts=attempts,
        at_us=at_us,
        error="ValueError: no",
        traceback="Traceback …",
        first_us=1,
        last_us=at_us,
    )
