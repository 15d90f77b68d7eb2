"""What waits for its time, and where it is kept: beside the log, in the log when it fires."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from event_system.events.event import Event, Row
from event_system.scheduling.schedule import Schedule

T = TypeVar("T")
Done: TypeAlias = Callable[[T | Exception], None]
"""Told on the loop once a change is durable, or why it was not made."""


class Held(NamedTuple):
    """An admitted event and when it is due, in microseconds; 0 is at once."""

    row: Row
    due_us: int


class Standing(msgspec.Struct, frozen=True):
    """Where an accepted event is: at `offset` of the log, or waiting until `due_us`.

    One of the two is 0. `duplicate` says that it was there before.
    """

    offset: int
    due_us: int = 0
    duplicate: bool = False

    @property
    def signed_offset(self) -> int:
        """The offset as the log tells it: a duplicate's is negative."""
        return -self.offset if self.duplicate else self.offset


class Waiting(msgspec.Struct, frozen=True):
    """An event that waits. `number` grows with acceptance; the event has the offset 0."""

    number: int
    due_us: int
    event: Event


class FiredEvent(NamedTuple):
    """A row that went into the log; a negative offset is that of an earlier event of its id."""

    row: Row
    offset: int
    due_us: int


class Fired(msgspec.Struct, frozen=True):
    """What one transaction moved into the log, and when the next one is due."""

    events: list[FiredEvent]
    next_us: int | None


class WaitingFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which waiting events to find. Times are when they are due; `until_us` is exclusive."""

    pattern: str | None = None
    source: str | None = None
    subject: str | None = None
    since_us: int | None = None
    until_us: int | None = None


class WaitingPage(msgspec.Struct, frozen=True):
    """Found events, the earliest due first; `next` continues after a (due, number)."""

    events: list[Waiting]
    next: tuple[int, int] | None


class DelayedStore(Protocol):
    """Events that wait, on stable storage beside the log.

    `waiting` and `next_us` are what was there when it was opened. Changes are made in the
    order of the calls, on the log's own commits; an error means that nothing was changed.
    """

    waiting: int
    next_us: int | None

    def accept(self, held: Sequence[Held], done: Done[list[Standing]]) -> None:
        """Store events for now and for later, all in one transaction.

        Idempotent by (source, id), among those that wait and those in the log's window.
        """

    def fire(self, now_us: int, received_us: int, done: Done[Fired]) -> None:
        """Move what is due by `now_us` into the log, the earliest first, a bounded slice.

        Each event leaves here and enters the log in one transaction; `received_us` becomes
        its moment of receipt.
        """

    def cancel(self, id_: str, source: str | None, done: Done[Waiting]) -> None:
        """Take an event back.

        `done` gets `ScheduledEventNotFoundError`, and `InvalidQueryError` where several
        sources have one with this id and none is named.
        """

    async def get(self, id_: str, source: str) -> Waiting | None:
        """The event that waits; None where there is none (any more)."""

    async def find(
        self, query: WaitingFilter, *, limit: int, after: tuple[int, int] | None
    ) -> WaitingPage:
        """One page; `after` is the `next` of the page before."""


class KeptSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule and how far it is. Moments are those of the expression, without jitter.

    `next_us` is the oldest moment that has not fired; `last_us` the newest that has, `fired_us`
    when that was and `last_offset` where its event is. `revision` is another for each definition
    that was ever kept under the name.
    """

    name: str
    revision: int
    definition: Schedule
    next_us: int | None
    last_us: int | None = None
    fired_us: int | None = None
    last_offset: int | None = None
    fired: int = 0


class Step(NamedTuple):
    """Events to append, and the schedule as it stands after them."""

    before: KeptSchedule
    rows: list[Row]
    after: KeptSchedule


class ScheduleStore(Protocol):
    """Schedules, on stable storage beside the log; changes are durable when `done` is called.

    `kept` is what was there when it was opened. Other nodes may change schedules too: a change is
    made of the revision that is known, and `done` gets `ScheduleConflictError` where what is
    stored is another.
    """

    kept: list[KeptSchedule]

    def get(self, name: str, done: Done[KeptSchedule | None]) -> None:
        """The schedule as it is stored now."""

    def put(self, schedule: KeptSchedule, before: int | None, done: Done[None]) -> None:
        """Keep a schedule in place of revision `before`; None is for one that is new.

        The definition and `next_us` of one that is there are replaced.
        """

    def delete(self, name: str, before: int, done: Done[None]) -> None:
        """Forget a schedule of revision `before`."""

    def advance(self, steps: Sequence[Step], done: Done[list[Sequence[int] | None]]) -> None:
        """Append each step's events and move its schedule on, all in one transaction.

        The offsets by step; None, and nothing done, where the stored schedule is not (any
        more) at the step's `before`.
        """
