"""What the event core needs of others, and the values that pass between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec

from event_system.events.catalogue.entry import TypeEntry
from event_system.events.codec import Draft
from event_system.events.event import Event, Row
from event_system.events.where import DataTest


class Receipt(msgspec.Struct, frozen=True):
    """What the sender of an event is told.

    `duplicate` says that this (source, id) was stored before; `offset` is then the first one.
    `results` are those of sync listeners, in the order in which they ran. One that waits for
    its time has the offset 0, and `deliver_at`.
    """

    id: str
    offset: int
    duplicate: bool = False
    results: tuple[ListenerResult, ...] = ()
    deliver_at: datetime | None = None


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

    @property
    def floor(self) -> int:
        """Offset up to which old events may have been deleted; 0 while none was."""

    def submit(self, rows: Sequence[Row], done: Callable[[Appended], None]) -> None:
        """Store rows, all in one transaction, and call `done` once they are durable.

        Idempotent by (source, id) within the dedupe window: a row that is already there is
        not stored again. `done` gets a `StorageError` where nothing was stored.
        """

    async def append_if(self, row: Row, expected: int) -> int:
        """Store a row where the last event of its subject stands at `expected`; 0 is none.

        The row's offset, or minus the first one's where it is a duplicate: that is found before
        the expectation is looked at. Exact under concurrency. Raises `PreconditionFailedError`
        and `StorageError`; then nothing was stored.
        """

    async def latest(self) -> int:
        """The newest offset on stable storage; `head` may be a moment behind other nodes."""

    async def last_of(self, subject: str) -> int:
        """Where the last stored event of a subject stands; 0 where it has none."""

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        """Up to `limit` events with an offset above `after`, oldest first, of these lanes."""

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        """The events at these offsets, in any order; those that are not there are left out.

        What is large comes in parts: then some events are left out, but never the first one.
        """


class Hold(msgspec.Struct, frozen=True):
    """Events above `after` are still needed by a listener."""

    after: int
    listener: str


class Holds(Protocol):
    """What keeps old events from being deleted."""

    def needed(self) -> Hold | None:
        """The listener that is furthest behind; None where there is none."""

    async def held(self, first: int, last: int) -> list[int]:
        """Offsets in this range (inclusive) that failed deliveries still need."""


class Slice(msgspec.Struct, frozen=True):
    """Events read from the log; everything up to `through` has been looked at.

    Their data has `size` bytes, or fewer.
    """

    events: list[Event]
    through: int
    size: int


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of the past to find. Times are microseconds of receipt, `until` exclusive.

    `listened` are a listener's patterns: one of them must match as well, where there are any.
    `after` (exclusive) and `through` (inclusive) are offsets.
    """

    pattern: str | None = None
    listened: tuple[str, ...] = ()
    source: str | None = None
    subject: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    after: int = 0
    through: int | None = None
    where: tuple[DataTest, ...] = ()


PAGE_SECONDS: Final = 0.01
"""What a search that no index narrows may take for one page, about."""
PAGE_BYTES: Final = 16_777_216
"""A page with this much data is full."""


class Page(msgspec.Struct, frozen=True):
    """Found events in the order asked for; `next` continues the search, None ends it.

    A search for conditions on data, or for deliveries, ends after `PAGE_SECONDS`: its page may
    hold few events or none, and `next` goes on where it stopped, one event further at least.
    """

    events: list[Event]
    next: int | None


class History(Protocol):
    """Stored events, looked up. Safe to call at any rate: reads never hold up writes."""

    async def find(
        self, query: Filter, *, limit: int, newest_first: bool, cursor: int | None
    ) -> Page:
        """One page. `cursor` is the `next` of the page before (an offset, exclusive)."""

    async def among(self, offsets: Sequence[int], query: Filter, *, newest_first: bool) -> Page:
        """Those of the events at these offsets that match; `next` where they are large."""

    async def get(self, id_: str, source: str | None = None) -> Event | None:
        """The newest event with this id (of this source, where one is given)."""

    async def at(self, offset: int) -> Event | None:
        """The event at an offset."""


class TypeRule:
    """What admitting an event of one type takes.

    `key` is the type's search key. `check` is None where everything is welcome; it is given the
    draft and its data, and raises an `EventSystemError` for what is not.
    """

    __slots__ = ("check", "key")

    def __init__(
        self, key: int, check: Callable[[Draft, bytes | None], None] | None = None
    ) -> None:
        self.key = key
        self.check = check


class TypeRules(Protocol):
    """What the catalogue says of event types."""

    def rule_of(self, type_: str) -> TypeRule:
        """The rule of a well-formed type. Raises `UnknownTypeError` where it is refused."""


class CatalogueStore(Protocol):
    """Keeps the entries of the catalogue. What has returned is on stable storage."""

    def load(self) -> list[TypeEntry]:
        """All entries, ordered by name. Blocks; not called while another call is under way."""

    async def put(self, entry: TypeEntry, before: TypeEntry | None) -> None:
        """Keep an entry in place of `before`; None is for a name that has none.

        Raises `TypeConflictError` where another is stored by now, and `StorageError`.
        """

    async def delete(self, before: TypeEntry) -> None:
        """Forget an entry. Raises as `put` does."""


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

    `state`: `handled`, `pending`, `skipped` (the filter said no), `retrying` (its last attempt
    ended in `error` at `at`; the next one is `due`) or `dead` (there is none). A sync listener's
    is `handled` unless it failed: it ran before the sender was answered, or a crash
    interrupted it. `replay` is the number of the replay that has the event still before it.
    """

    listener: str
    mode: str
    state: str
    error: str | None = None
    attempts: int = 0
    at: str | None = None
    due: str | None = None
    replay: int | None = None


class ListenerStatus(msgspec.Struct, frozen=True):
    """A listener as operators see it. Rates are per second over the last minute.

    `lag` is events not yet handled, `retrying` failed ones that are tried again, `dead` the dead
    letters; `cursors` maps a lane to the last offset whose effect is
    complete, `state` is `running`, `paused` (by an operator, until `paused_until`), `stopped`
    (by configuration), `removed` (known, but no longer loaded), `failed` (its module did not
    load; see `last_error`), `elsewhere` (other nodes have loaded it, this one has not) or
    `unserved` (no live node that runs async listeners has loaded it).
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
    retrying: int = 0
    dead: int = 0
    paused_until: str | None = None


class ListenerControl(Protocol):
    """What operators do with listeners. All raise `ListenerNotFoundError`."""

    async def pause(self, name: str, until_us: int) -> None:
        """Pause until a moment; replaces an earlier pause. Raises `SyncListenerError`."""

    async def resume(self, name: str) -> None:
        """End a pause; one that is switched off stays off. Raises `SyncListenerError`."""

    async def purge(self, name: str) -> None:
        """Forget a removed listener. Raises `ListenerLoadedError`."""


DeliveryStatus: TypeAlias = Literal["handled", "pending", "skipped", "retrying", "dead"]
"""What `Delivery.state` may be."""


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Events to which a listener, or any, stands so."""

    status: DeliveryStatus
    listener: str | None = None


class Deliveries(Protocol):
    """What is known of listeners and of single deliveries."""

    def listeners(self) -> list[ListenerStatus]:
        """All listeners, ordered by name."""

    async def of(self, event: Event) -> list[Delivery]:
        """How every listener whose pattern matches stands to the event, ordered by name."""

    async def find(
        self,
        query: Filter,
        wanted: DeliveryFilter,
        *,
        limit: int,
        newest_first: bool,
        cursor: int | None,
    ) -> Page:
        """As `History.find`: events of which `of` would say what is wanted.

        Raises `ListenerNotFoundError`, and what `History.find` raises.
        """

    async def settled(self, event: Event, timeout: float) -> bool:
        """Wait until no listener has the event pending; False after `timeout` seconds."""


class Commit(msgspec.Struct, frozen=True):
    """Rows that became durable together; `rows[i]` stands at offset `first + i`.

    `duplicates` were found to be stored already.
    """

    first: int
    rows: list[Row]
    duplicates: int = 0
