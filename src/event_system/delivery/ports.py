"""What delivery needs kept for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from event_system.events.ports import Transaction


class Cursor(msgspec.Struct, frozen=True):
    """Where a listener stands in a lane.

    The effect of every event of the lane up to `offset` is complete. With `caught_up` that
    holds up to `Progress.routed` too, if that is further on.
    """

    listener: str
    lane: int
    offset: int
    caught_up: bool


class Failure(msgspec.Struct, frozen=True):
    """A delivery that ended in an error; `state` is `failed`."""

    listener: str
    offset: int
    state: str
    error: str
    traceback: str
    at_us: int
    attempts: int = 1


class Progress(msgspec.Struct, frozen=True):
    """All that is known at start. `starts` maps each known listener to its first cursor."""

    routed: int
    starts: dict[str, int]
    cursors: dict[tuple[str, int], Cursor]


class CursorStore(Protocol):
    """Keeps cursors and failed deliveries; what was saved survives `kill -9`."""

    async def load(self) -> Progress:
        """What the last save left."""

    async def register(self, starts: dict[str, int]) -> None:
        """Note new listeners with the offset after which they begin. Idempotent."""

    async def save(
        self, routed: int, cursors: Sequence[Cursor], failures: Sequence[Failure]
    ) -> None:
        """Save all in one transaction. A cursor's offset never goes back."""

    async def failures_of(self, offset: int) -> list[Failure]:
        """Failed deliveries of one event."""

    async def open_batches(self, listener: str, start: int) -> BatchStore:
        """The tables of a batch listener; a new one begins after offset `start`."""


class BatchStore(Protocol):
    """A batch listener's own tables, with its cursor among them.

    Every batch listener has tables of its own, so none waits for another's transaction.
    """

    cursor: int
    """Offset up to which all effects are complete, as committed."""

    def begin(self) -> Transaction:
        """A new transaction; used by one handler at a time, in whatever thread it runs."""

    async def commit(self, transaction: Transaction, cursor: int) -> None:
        """Commit what was written together with the cursor."""

    def roll_back(self, transaction: Transaction) -> None:
        """Undo what was written; the transaction refuses all further use."""

    async def advance(self, cursor: int) -> None:
        """Commit a cursor alone: the events up to there are none of this listener's."""

    def close(self) -> None:
        """Close the tables."""


BATCH_LANE = -1
"""The one lane of a batch listener: it follows all lanes in the order of the log."""
