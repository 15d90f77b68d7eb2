"""What the two kinds of servers do each in its own way: the statements of an append."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from event_system.events.event import Row


class Head(NamedTuple):
    """The end of the log while it is locked: the newest offset and its time of receipt.

    `room` is the last offset for which there is a partition.
    """

    offset: int
    received_us: int
    room: int


class Stored(NamedTuple):
    """An event that may be the twin of a row: their ids have the same key."""

    offset: int
    received_us: int
    source: str
    id: str


class Stamp(NamedTuple):
    """A commit's own sign: its writer, its number among that writer's, the rows' first offset."""

    writer: str
    number: int
    first: int


class Landed(NamedTuple):
    """What came of an append in one step.

    `first` is 0 where the partitions do not reach far enough, and None where this commit, or a
    later one of its writer, has been made already. Rows were received `not_before`; `twins` are
    the offsets of rows, by their index, that were there before.
    """

    first: int | None
    not_before: int
    twins: dict[int, int]


class OneStep(Protocol):
    """An append in a single round trip, on the driver's own connection."""

    most_rows: int
    """Up to how many rows it is the faster way."""

    async def append(
        self, driver: Any, rows: Sequence[Row], stamp: Stamp, since: int, window_us: int
    ) -> Landed:
        """All of an append; no two of the rows are twins.

        Their twins, which count for so many microseconds, stand at `since` or later.
        """


class Engine(Protocol):
    """Statements on the driver's own connection, which is in autocommit between transactions.

    Between `lock` and the end of its transaction nobody else appends.
    """

    one_step: OneStep | None
    """The faster way for a few rows, where the server has one."""

    async def begin(self, driver: Any) -> None: ...

    async def lock(self, driver: Any) -> Head:
        """Take the right to append, waiting for it."""

    async def twins(self, driver: Any, keys: Sequence[int], young: int) -> list[Stored]:
        """Events whose id has one of these keys, at `young` or later."""

    async def insert(self, driver: Any, first: int, rows: Sequence[Row]) -> None: ...

    async def advance(self, driver: Any, head: Head, stamp: Stamp) -> bool:
        """Move the end of the log; False where the stamp's commit is made already."""

    async def stamped(self, driver: Any, writer: str) -> int | None:
        """From which offset on the rows of a writer's last commit stand; None: it is not known."""

    async def commit(self, driver: Any) -> None: ...

    async def roll_back(self, driver: Any) -> None: ...

    async def ends(self, driver: Any) -> tuple[int, int]:
        """The newest offset that is committed, and the one up to which events were deleted."""

    async def take_turn(self, driver: Any, seconds: float) -> bool:
        """Wait for one's turn among all who ask for one; False where it does not come in time.

        It is the connection's until `end_turn`, or until the connection ends.
        """

    async def end_turn(self, driver: Any) -> None:
        """Let the next one have its turn, also where it may not have been one's own."""
