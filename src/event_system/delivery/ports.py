"""What delivery needs kept for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from event_system.delivery.replays.replay import Replay
from event_system.events.event import Event
from event_system.events.ports import Slice, Transaction


class Source(Protocol):
    """Where a subscription reads its events: the log, or a part of it."""

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        """As `EventLog.read`."""

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        """As `EventLog.pick`."""


class Cursor(msgspec.Struct, frozen=True):
    """Where a listener stands in a lane.

    The effect of every event of the lane up to `offset` is complete. With `caught_up` that
    holds up to `Progress.routed` too, if that is further on.
    """

    listener: str
    lane: int
    offset: int
    caught_up: bool


RETRYING = "retrying"
BLOCKING = "blocking"
DEAD = "dead"


class Failure(msgspec.Struct, frozen=True):
    """A delivery whose last attempt failed.

    `state` is `retrying` (parked, due at `at_us`), `blocking` (its lane waits until `at_us`) or
    `dead` (since `at_us`). `attempts` counts those that were begun. `type` and `lane` are the
    event's. `first_us` and `last_us` are when the first and the last attempt failed.
    """

    listener: str
    offset: int
    lane: int
    type: str
    state: str
    attempts: int
    at_us: int
    error: str
    traceback: str
    first_us: int
    last_us: int


class Parked(msgspec.Struct, frozen=True):
    """A delivery that is due: what trying it again needs of its `Failure`.

    `suspect`: the end of the process cut its last attempt off.
    """

    offset: int
    attempts: int
    suspect: bool = False


class Due(msgspec.Struct, frozen=True):
    """Deliveries that are due, the longest waiting first; `next_us` is when others will be."""

    rows: list[Parked]
    next_us: int | None


END_US = 2**62
"""After every time."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which failures an operator means. Times are those of `Failure.at_us`, `until` exclusive."""

    state: str = DEAD
    listener: str | None = None
    pattern: str | None = None
    since_us: int = 0
    until_us: int = END_US
    offsets: frozenset[int] | None = None


Place: TypeAlias = tuple[int, int, str]
"""Where a failure stands in the order of lists: (at_us, offset, listener)."""


class FailurePage(msgspec.Struct, frozen=True):
    """Failures in the order asked for; `next` continues, None ends.

    A page may be short, as one call looks at a bounded number of failures only.
    """

    failures: list[Failure]
    next: Place | None


class Failed(msgspec.Struct, frozen=True, order=True):
    """Of a `Failure`, what tells it from others. Ordered by the place of its event."""

    offset: int
    listener: str
    state: str


class FailedFilter(msgspec.Struct, frozen=True):
    """Failures in these states, of a listener or of any, from the offset `start` on."""

    states: tuple[str, ...]
    listener: str | None
    start: int


class Counts(msgspec.Struct, frozen=True):
    """How many failures a listener has.

    `oldest_us` is when the oldest event that is tried again first failed; None where there is none.
    """

    retrying: int = 0
    dead: int = 0
    oldest_us: int | None = None


class RetryStore(Protocol):
    """Keeps failed deliveries, of one listener or of many; what was kept survives `kill -9`.

    No call looks at more than a bounded number of them, however many there are.
    """

    @property
    def counts(self) -> Mapping[str, Counts]:
        """By listener, as of the last write."""

    @property
    def latest_us(self) -> int:
        """The newest moment at which something was kept or requeued, as of the last write."""

    async def due(self, listener: str, now_us: int, limit: int) -> Due:
        """Up to `limit` parked deliveries of a listener whose time has come."""

    async def settle(self, failures: Sequence[Failure], done: Sequence[tuple[str, int]]) -> None:
        """Keep the outcomes of retries: failed again, or handled (listener, offset).

        One that an operator has discarded meanwhile stays away.
        """

    async def find(
        self, wanted: Selection, limit: int, after: Place | None, *, newest_first: bool
    ) -> FailurePage:
        """A page, beginning after a place."""

    async def among(self, offsets: Sequence[int]) -> list[Failed]:
        """The failed deliveries of these events, in any order."""

    async def walk(self, wanted: FailedFilter, limit: int, *, newest_first: bool) -> list[Failed]:
        """Up to `limit` of them in the order of their events."""

    async def between(self, listener: str, after: int, through: int, limit: int) -> list[Failure]:
        """Up to `limit` failures of a listener above one offset up to another, by offset.

        They come without their tracebacks.
        """

    async def requeue(
        self, wanted: Selection, now_us: int, limit: int, after: Place | None
    ) -> Step:
        """Make dead letters due now with all attempts before them; oldest first."""

    async def discard(self, wanted: Selection, limit: int, after: Place | None) -> Step:
        """Forget failures; oldest first."""

    async def count(self, wanted: Selection, limit: int, after: Place | None) -> Step:
        """Count failures; oldest first."""

    async def rewind(self, now_us: int, limit: int, after: Place | None) -> Step:
        """Let what was parked later than `now_us` wait as if it was parked then.

        The clock was set back; without this it would wait for so much longer. The last step
        sets `latest_us` to `now_us`.
        """


class Step(msgspec.Struct, frozen=True):
    """What one bounded step over failures did; `next` continues, None ends."""

    number: int
    next: Place | None


class Progress(msgspec.Struct, frozen=True):
    """All that is known at start. `starts` maps each known listener to its first cursor."""

    routed: int
    starts: dict[str, int]
    cursors: dict[tuple[str, int], Cursor]

    def cursor(self, listener: str, lane: int) -> int:
        """Where a known listener stands in a lane: what was saved, or else where it began."""
        saved = self.cursors.get((listener, lane))
        if saved is None:
            return self.starts[listener]
        return max(saved.offset, self.routed) if saved.caught_up else saved.offset


class PauseStore(Protocol):
    """Keeps the pauses that operators asked for; survives `kill -9`."""

    async def load(self) -> dict[str, int]:
        """Listeners and the microseconds at which their pauses end, past ones too."""

    async def put(self, listener: str, until_us: int) -> None:
        """Keep a pause, in place of an earlier one of the same listener."""

    async def drop(self, listener: str) -> None:
        """Forget a pause. Idempotent."""


class ListenerStore(Protocol):
    """What is kept of a listener beside its cursors in lanes."""

    async def batch_cursor(self, listener: str) -> int | None:
        """The cursor in a batch listener's file; None where it has none."""

    async def purge(self, listener: str) -> None:
        """Forget a listener: its file first, so that a crash leaves it known. Idempotent."""


class ReplayStore(Protocol):
    """Keeps replays; what was kept survives `kill -9`. How far they are comes with the cursors."""

    async def unfinished(self) -> list[Replay]:
        """Those that have not ended, of loaded listeners or not."""

    async def add(self, replay: Replay) -> Replay:
        """Keep a new one; it gets its id. Of those of its listener that ended the oldest go."""

    async def of(self, listener: str) -> list[Replay]:
        """Those of a listener, the newest first."""

    async def put(self, replay: Replay) -> None:
        """Keep what has become of one."""


class CursorStore(Protocol):
    """Keeps cursors and failed deliveries; what was saved survives `kill -9`."""

    @property
    def retries(self) -> RetryStore:
        """Failed deliveries of all but batch listeners."""

    @property
    def replays(self) -> ReplayStore:
        """Replays of all listeners."""

    async def load(self) -> Progress:
        """What the last save left."""

    async def register(self, starts: dict[str, int]) -> None:
        """Note new listeners with the offset after which they begin. Idempotent."""

    async def save(
        self,
        routed: int,
        cursors: Sequence[Cursor],
        failures: Sequence[Failure],
        done: Sequence[tuple[str, int]] = (),
        replays: Sequence[Replay] = (),
    ) -> None:
        """Save all in one transaction, failures new or changed; `done` are failures no more.

        A cursor's offset never goes back. `replays` are known ones.
        """

    async def failures_of(self, offset: int) -> list[Failure]:
        """Failed deliveries of one event."""

    async def failed_offsets(self, first: int, last: int) -> list[int]:
        """Offsets in this range (inclusive) of events with failed deliveries."""

    async def failures_after(self, offset: int) -> list[Failure]:
        """Failed deliveries of all events above an offset, without their tracebacks."""

    async def open_batches(self, listener: str, start: int) -> BatchStore:
        """The tables of a batch listener; a new one begins after offset `start`."""


class BatchStore(Protocol):
    """A batch listener's own tables, with its cursor among them.

    Every batch listener has tables of its own, so none waits for another's transaction.
    """

    cursor: int
    """Offset up to which all effects are complete, as committed."""

    @property
    def retries(self) -> RetryStore:
        """The listener's failed deliveries."""

    async def replaying(self, mark: str, start: int) -> BatchStore:
        """The same tables, with a cursor for the replay of this mark beside the live one.

        A new one begins after offset `start`. There is one at a time.
        """

    async def refresh(self) -> int:
        """Read the cursor anew: another process may have moved it.

        Raises `StorageError`, also where a transaction of this one does not end.
        """

    async def begin(self) -> Transaction:
        """A new transaction, once the one before has ended; used in whatever thread.

        Raises `StorageError` where the tables cannot be reached.
        """

    async def commit(self, transaction: Transaction, cursor: int, done: int | None = None) -> None:
        """Commit what was written together with the cursor; `done` is a failure no more.

        A cursor never goes back. Where this raises nothing was committed, and the transaction is
        to be rolled back.
        """

    def roll_back(self, transaction: Transaction) -> bool:
        """Undo what was written; the transaction refuses all further use.

        Whether its connection was lost: then an error in it says nothing of its events.
        """

    async def advance(self, cursor: int, failure: Failure | None = None) -> None:
        """Commit a cursor without any effect, and a failure with it."""

    async def failures_of(self, offset: int) -> list[Failure]:
        """The failed delivery of one event, if it is one."""

    async def failures_after(self, offset: int) -> list[Failure]:
        """Failed deliveries above an offset, without their tracebacks."""

    async def failed_offsets(self, first: int, last: int) -> list[int]:
        """Offsets in this range (inclusive) of failed deliveries."""

    def close(self) -> None:
        """Close the tables."""


INLINE_LANE = -2
"""The one lane of a sync listener: the event that it handles at the moment."""
BATCH_LANE = -1
"""The one lane of a batch listener: it follows all lanes in the order of the log."""
