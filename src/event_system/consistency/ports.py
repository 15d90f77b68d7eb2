"""What stores have to tell of what they keep, and to mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from event_system.consistency.kinds import Finding, Kind

StoredRow: TypeAlias = tuple[Any, ...]
"""An offset, then the columns of `events.event.Row`, as they are stored: perhaps wrong."""


Moved: TypeAlias = Callable[[int, int, int], None]
"""Told of the way through the log: the offsets that are done, all of them, the events so far."""


class Bounds(NamedTuple):
    """The log at one moment: all events above `floor` are there, up to `head`."""

    floor: int
    head: int
    lanes: int


class Part(NamedTuple):
    """Events in the order of their offsets; all up to `through` has been looked at.

    Where the event at `through` cannot be read, `unreadable` says why.
    """

    rows: Sequence[StoredRow]
    through: int
    unreadable: str | None = None


class Waiting(NamedTuple):
    """An event that waits; `row` has the columns of `events.event.Row`, without the data."""

    number: int
    due_us: int
    row: tuple[Any, ...]


class Named(NamedTuple):
    """A schedule or an event type; `fault` says why it cannot be read, `offset` is its last event's."""

    name: str
    fault: str | None = None
    offset: int = 0


class Shadow(Protocol):
    """Something that is made from the log, held against it on the way."""

    def look(self, part: Part) -> Iterable[Finding]:
        """The next part of the log, parts in their order and without gaps."""


class LogStore(Protocol):
    """A log. Other processes may append to it and delete its old end meanwhile."""

    def bounds(self, reached: int = 0) -> Bounds:
        """As they are now.

        Where listeners may get to an offset before it is kept here, it is waited for for a while.
        """

    def part(self, after: int, through: int) -> Part:
        """The first events above `after`, up to `through`: as many as memory bears."""

    def shadows(self, first: int, last: int) -> Sequence[Shadow]:
        """What can be held against the log on a walk over these offsets, inclusive."""

    def places(self, offsets: Sequence[int]) -> Mapping[int, tuple[int, str]]:
        """Lane and type of the events at these offsets, of those that are there."""

    def waiting(self) -> Iterator[Sequence[Waiting]]:
        """All events that wait, in parts."""

    def waiting_for(self, id_key: int) -> Sequence[Waiting]:
        """Those whose id has this key, as of now."""

    def schedules(self) -> Iterable[Named]: ...

    def faults(self) -> Iterable[Finding]:
        """What is wrong in a way that only this kind of store knows."""

    def mend(self, kind: Kind, keys: Sequence[Any]) -> None:
        """Repair findings of one kind, given by their keys. Idempotent.

        A repair that is cut off leaves findings that are found, and mended, once more.
        """

    def finish(self, moved: Moved) -> None:
        """Do what repairs have put off until nothing reads any more."""


class Position(NamedTuple):
    """An offset that something has reached.

    `what` is `cursor` (of a lane), `batch`, `replay` (of a batch listener), `start` (of a
    listener) or `shown` (to all of them).
    """

    what: str
    listener: str
    lane: int | None
    offset: int


class Failed(NamedTuple):
    """A failed delivery; `place` is the batch listener that keeps it itself, or ''."""

    place: str
    listener: str
    offset: int
    lane: int
    type: str
    state: str
    at_us: int


CountKey: TypeAlias = tuple[str, str, str]
"""Place, listener and state of failed deliveries."""


class ReplayFound(NamedTuple):
    """A replay; `reaches` is the newest offset that it names, `fault` why it cannot be read."""

    id: int
    listener: str
    reaches: int
    fault: str | None


class StateStore(Protocol):
    """Cursors, failed deliveries, replays and event types, all as they were at one moment."""

    def listeners(self) -> set[str]:
        """The names of all that are known."""

    def positions(self) -> Sequence[Position]: ...

    def counts(self) -> Mapping[CountKey, int]:
        """The numbers of failed deliveries as they are kept beside the rows."""

    def failures(self) -> Iterator[Sequence[Failed]]:
        """All failed deliveries, in parts."""

    def still(self, failures: Sequence[Failed]) -> Sequence[Failed]:
        """Those of these that stand at this very moment."""

    def replays(self) -> Iterable[ReplayFound]: ...

    def types(self) -> Iterable[Named]: ...

    def faults(self) -> Iterable[Finding]:
        """What is wrong in a way that only this kind of store knows."""

    def mend(self, kind: Kind, keys: Sequence[Any]) -> None:
        """As `LogStore.mend`."""
