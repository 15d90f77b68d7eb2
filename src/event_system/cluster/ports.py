"""What the nodes of a cluster say of themselves and of each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec

Offers: TypeAlias = Mapping[str, str]
"""What a node can do that others may not be able to: names, each with its form.

A form is a kind and, after a space, what tells two of the kind from each other."""


class Thing(NamedTuple):
    """What one node at a time has."""

    kind: str
    name: str


class Member(msgspec.Struct, frozen=True):
    """A node. `seconds` are left of its lease, below 0 where it has ended.

    It was last heard of at `seen_us`, and its machine's clock was `clock_ahead_us` ahead then.
    `offers` is None until it has said what it offers, and for good where that is nothing; `plan`
    is what it has published of its view of the others' (see `agreement.py`).
    """

    id: str
    name: str
    address: str
    roles: frozenset[str]
    version: str
    entered_us: int
    seen_us: int
    clock_ahead_us: int
    seconds: float
    offers: Offers | None = None
    plan: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """The cluster at one moment: nodes by id, and the id of who has each thing.

    `forsaken` is what was last given up for its owner, which had ended, and not by it. `gone` are
    nodes that went without leaving: as a renewal tells it those that it has found so; as `look`
    does those of the last day that have not come back under their name.
    """

    members: Mapping[str, Member]
    owners: Mapping[Thing, str | None]
    forsaken: frozenset[Thing] = frozenset()
    gone: Sequence[Member] = ()


class Introduction(msgspec.Struct, frozen=True):
    """What a node says of itself when it enters.

    `place` is where its process runs: one process at a time, and the same after a restart.
    """

    name: str
    address: str
    roles: frozenset[str]
    version: str
    place: str


class Stay(Protocol):
    """One stay of a node in the cluster: a node that was given up begins another.

    `lasts` is how many seconds a renewal is good for. `until` is when the lease ends, by the
    process' own monotonic clock, counted from before the renewal was asked for: never later than
    the database sees it.
    """

    id: str
    lasts: float
    until: float

    async def enter(self, *, heir: bool) -> frozenset[Thing]:
        """Be a member; what it has. An heir takes over from the process before in its place."""

    async def introduce(self, things: Iterable[Thing], offers: Offers | None) -> None:
        """There are these to be had, as far as this node knows. Idempotent."""

    async def publish(self, plan: str) -> None:
        """Let others know what this node goes by. Raises `LeaseLostError`."""

    async def renew(self) -> View:
        """Stay for as long again, free what those had whose lease has ended, and look around.

        Raises `LeaseLostError` where others have given this node up.
        """

    async def look(self) -> View:
        """The cluster as it is, with those that have gone; also without being a member."""

    async def claim(self, things: Collection[Thing]) -> Mapping[Thing, bool]:
        """Have these, as far as they are free: which that is, and whether it is forsaken.

        Raises `LeaseLostError`.
        """

    async def give(self, things: Collection[Thing]) -> None:
        """Let others have these. What this node has no more is left alone."""

    async def leave(self) -> None:
        """Be a member no more; what it still has is free at once. Idempotent."""

    def fence(self, connection: Any) -> None:
        """The last of a transaction that only a member may make. Raises `LeaseLostError`.

        Until the commit nobody can give this node up.
        """

    def fence_of(self, thing: Thing, connection: Any) -> None:
        """The same for what only the owner of a thing may make. Raises `LeaseLostError`."""


class Owner(Protocol):
    """Does what has to be done with the things that a node has."""

    async def take(self, things: Collection[Thing], forsaken: Collection[Thing]) -> None:
        """Begin with them. After an error nothing has begun.

        Of the forsaken ones nobody knows what ended their last owner: it may have been they.
        """

    async def release(self, things: Collection[Thing]) -> None:
        """End with them, so that nothing is left to be done or saved.

        After an error they have ended all the same, but not all that came of it is saved.
        """

    async def abandon(self) -> None:
        """End with everything at once: others may begin with it in a moment. Nothing is saved."""

    async def divide(self, uneven: frozenset[str]) -> None:
        """End with what is at odds with these being uneven; it begins again with `go_on`.

        May be called again after an error. Before the first call nothing is in agreement.
        """

    async def go_on(self) -> None:
        """All nodes go by the same: begin with what `divide` has ended. Again after an error."""
