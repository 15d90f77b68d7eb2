"""What the event core needs of others, and the values that pass between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from event_system.events.event import Event, Row


class Receipt(msgspec.Struct, frozen=True):
    """What the sender of an event is told.

    `duplicate` says that this (source, id) was stored before; `offset` is then the first one.
    `results` are those of sync listeners, in the order in which they ran.
    """

    id: str
    offset: int
    duplicate: bool = False
    results: tuple[ListenerResult, ...] = ()


class ListenerResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sync listener's outcome; exactly one of `result` and `error` means something."""

    listener: str
    ms: float
    result: Any = None
    error: str | None = None
    stopped: bool = False


Appended: TypeAlias = "Sequence[int] | Exception"
"""One offset per row, in order; a duplicate's is negative: minus the first one's offset."""


class EventLog(Protocol):
    """The durable, ordered log.

    Rows keep the order in which they were submitted; offsets grow by one and are never used
    again. All calls are made on the event loop's thread.
    """

    @property
    def head(self) -> int:
        """Offset of the newest durable event; 0 while there is none."""

    def submit(self, rows: Sequence[Row], done: Callable[[Appended], None]) -> None:
        """Store rows, all in one transaction, and call `done` once they are durable.

        Idempotent by (source, id) within the dedupe window: a row that is already there is
        not stored again. `done` gets a `StorageError` where nothing was stored.
        """

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        """Up to `limit` events with an offset above `after`, oldest first, of these lanes."""


class Slice(msgspec.Struct, frozen=True):
    """Events read from the log; everything up to `through` has been looked at."""

    events: list[Event]
    through: int


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of the past to find. Times are microseconds of receipt, `until` exclusive."""

    pattern: str | None = None
    source: str | None = None
    subject: str | None = None
    since_us: int | None = None
    until_us: int | None = None


class Page(msgspec.Struct, frozen=True):
    """Found events in the order asked for; `next` continues the search, None ends it."""

    events: list[Event]
    next: int | None


class History(Protocol):
    """Stored events, looked up. Safe to call at any rate: reads never hold up writes."""

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        """One page. `cursor` is the `next` of the page before (an offset, exclusive)."""

    async def get(self, id_: str, source: str | None = None) -> Event | None:
        """The newest event with this id (of this source, where one is given)."""

    async def at(self, offset: int) -> Event | None:
        """The event at an offset."""


class Transaction(Protocol):
    """A batch listener's transaction on the state database.

    What is written here and the listener's cursor are committed together, or not at all.
    Statements are SQL of the state database with `?` or `:name` parameters.
    """

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Run one statement; its rows as tuples."""

    def executemany(self, sql: str, rows: Sequence[Sequence[Any] | Mapping[str, Any]]) -> None:
        """Run one statement for every row."""


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one listener stands to one event.

    `state`: `handled`, `pending`, `failed` (with `error`) or `skipped` (the filter said no). A
    sync listener's is `handled` unless it failed: it ran before the sender was answered.
    """

    listener: str
    mode: str
    state: str
    error: str | None = None
    attempts: int = 0
    at: str | None = None


class ListenerStatus(msgspec.Struct, frozen=True):
    """A listener as operators see it. Rates are per second over the last minute.

    `lag` is events not yet handled, `cursors` maps a lane to the last offset whose effect is
    complete, `state` is `running`, `stopped` or `failed` (its module did not load; see
    `last_error`).
    """

    name: str
    patterns: tuple[str, ...]
    mode: str
    priority: int
    filter: str | None
    timeout: float
    batch: int
    state: str
    handled: int = 0
    errors: int = 0
    rate: float = 0.0
    error_rate: float = 0.0
    lag: int = 0
    cursors: dict[int, int] = {}
    last_error: str | None = None


class Deliveries(Protocol):
    """What is known of listeners and of single deliveries."""

    def listeners(self) -> list[ListenerStatus]:
        """All listeners, ordered by name."""

    async def of(self, event: Event) -> list[Delivery]:
        """How every listener whose pattern matches stands to the event, ordered by name."""

    async def settled(self, event: Event, timeout: float) -> bool:
        """Wait until no listener has the event pending; False after `timeout` seconds."""


class Commit(msgspec.Struct, frozen=True):
    """Rows that became durable together; `rows[i]` stands at offset `first + i`.

    `duplicates` were found to be stored already.
    """

    first: int
    rows: list[Row]
    duplicates: int = 0
