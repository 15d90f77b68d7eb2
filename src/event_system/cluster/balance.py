"""What a node gives back and asks for, so that all have their fair share. Pure.

There is no coordinator: every node decides for itself, from what the database says of all. That
converges as long as the decision depends on nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Moves(Generic[T]):
    """What to give back, and what to ask for: that which is first in order first."""

    give: tuple[T, ...]
    claim: tuple[T, ...]


def quotas(members: Collection[str], owners: Mapping[T, str | None]) -> dict[str, int]:
    """How many things each member is to have: all the same number, or one more.

    One more goes to those who have the most already, so that no more moves than is needed.
    """
    if not members:
        return {}
    held = Counter(owner for owner in owners.values() if owner is not None)
    each, over = divmod(len(owners), len(members))
    order = sorted(members, key=lambda member: (-held[member], member))
    return {member: each + (place < over) for place, member in enumerate(order)}


def balance(me: str, members: Collection[str], owners: Mapping[T, str | None]) -> Moves[T]:
    """What `me` does about its share. `owners` maps each thing, in order, to who has it.

    Who is none of the `members` is to have nothing. What somebody has who is no member is not
    free: it becomes so once that one has given it back, or is known to be gone.
    """
    quota = quotas(members, owners).get(me, 0)
    mine = [thing for thing, owner in owners.items() if owner == me]
    free = [thing for thing, owner in owners.items() if owner is None]
    return Moves(tuple(mine[quota:]), tuple(free[: max(0, quota - len(mine))]))
