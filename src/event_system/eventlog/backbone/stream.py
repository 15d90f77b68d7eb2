"""The port behind which brokers stand: one ordered stream of events, appended to by comparing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from event_system.eventlog.sql.facts import Facts
from event_system.events.event import Row


class MovedError(Exception):
    """Somebody else has appended: the commit did not follow what it expected to follow."""


class Found(NamedTuple):
    """Events of the stream, one after the other, and the commit that they came with."""

    commit: str
    rows: Sequence[Row]


class Stream(Protocol):
    """One stream. Offsets are those of the log: its events have no gaps, whatever a broker's have.

    One task appends and reads. Every method but `check` and `place` raises
    `BackboneUnreachableError` where the servers are away, and may be called again then.
    """

    @property
    def name(self) -> str:
        """By this the tables know it: one database has one stream, for as long as it lives."""

    @property
    def weakness(self) -> str | None:
        """What of it is not as the settings say, though it works; known once it is open."""

    async def open(self, facts: Facts) -> None:
        """Find the stream of the tables' log, to be read on from the offset `facts.head`.

        Made where `facts.backbone` is None, also by two nodes at once: then its first event has
        the offset after `facts.head`. Raises `BackboneMismatchError` for another log's stream and
        for one that lacks events after `facts.head`, `BackboneRefusedError` for one that would
        lose events. Idempotent.
        """

    def check(self, row: Row) -> None:
        """Raise `BackboneTooLargeError` for an event that no server would take."""

    async def append(self, rows: Sequence[Row], expected: int, commit: str) -> None:
        """Append all rows, or none of them, right after the offset `expected`.

        Returns once they are as durable as the broker makes them. `commit` is kept with them, of
        at most 64 characters. Raises `MovedError` where others have appended meanwhile,
        `BackboneTooLargeError` and `StorageError`. After `BackboneUnreachableError` they may be
        there, or come to be there later, but never anywhere else than after `expected`.
        """

    async def after(self, offset: int) -> list[Found]:
        """The next events above the offset up to which the caller has all, a page at most.

        None where none is known of yet: this may lag a little behind what others have appended.
        """

    async def last(self) -> int:
        """The offset of the newest event, whoever has appended it."""

    def place(self, offset: int) -> int | None:
        """What the tables are to keep as `Facts.place` once they have all up to an offset.

        None where the offset alone says from where to read on.
        """

    async def purge(self, below: int) -> None:
        """Let go of events with smaller offsets, where that is not the servers' own work."""

    async def close(self) -> None:
        """Close the connection to its servers. Idempotent."""
