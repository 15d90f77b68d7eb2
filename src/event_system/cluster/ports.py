"""What the nodes of a cluster say of themselves and of each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec


class Thing(NamedTuple):
    """What one node at a time has."""

    kind: str
    name: str


class Member(msgspec.Struct, frozen=True):
    """A node. `seconds` are left of its lease, below 0 where it has ended."""

    id: str
    name: str
    address: str
    roles: frozenset[str]
    version: str
    entered_us: int
    seconds: float


@dataclass(frozen=True, slots=True)
class View:
    """The cluster at one moment: nodes by id, and the id of who has each thing."""

    members: Mapping[str, Member]
    owners: Mapping[Thing, str | None]


class Introduction(msgspec.Struct, frozen=True):
    """What a node says of itself when it enters."""

    name: str
    address: str
    roles: frozenset[str]
    version: str


class Stay(Protocol):
    """One stay of a node in the cluster: a node that was given up begins another.

    `until` is when its lease ends, by the process' own monotonic clock, counted from before the
    renewal was asked for: never later than the database sees it.
    """

    id: str
    until: float

    async def enter(self) -> None:
        """Be a member."""

    async def introduce(self, things: Iterable[Thing]) -> None:
        """There are these to be had, as far as this node knows. Idempotent."""

    async def renew(self) -> View:
        """Stay for as long again, free what those had whose lease has ended, and look around.

        Raises `LeaseLostError` where others have given this node up.
        """

    async def claim(self, things: Collection[Thing]) -> list[Thing]:
        """Have these, as far as they are free; which of them that is. Raises `LeaseLostError`."""

    async def give(self, things: Collection[Thing]) -> None:
        """Let others have these. What this node has no more is left alone."""

    async def leave(self) -> None:
        """Be a member no more; what it still has is free at once. Idempotent."""

    def fence(self, connection: Any) -> None:
        """The last of a transaction that only a member may make. Raises `LeaseLostError`.

        Until the commit nobody can give this node up.
        """


class Owner(Protocol):
    """Does what has to be done with the things that a node has."""

    async def take(self, things: Collection[Thing]) -> None:
        """Begin with them. After an error nothing has begun."""

    async def release(self, things: Collection[Thing]) -> None:
        """End with them, so that nothing is left to be done or saved.

        After an error they have ended all the same, but not all that came of it is saved.
        """

    async def abandon(self) -> None:
        """End with everything at once: others may begin with it in a moment. Nothing is saved."""
