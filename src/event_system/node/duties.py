"""What a node has to do, in the things that the nodes of a cluster share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from event_system.cluster.ports import Member, Thing
from event_system.delivery.share import Share, share_of
from event_system.delivery.sharing import Sharing

LANE: Final = "lane"
LISTENER: Final = "listener"
TASK: Final = "task"
ALERTING: Final = "alerting"
"""Said with the roles of a node that looks after alerts: a program's own node does not."""
OPERATIONS: Final = Thing(TASK, "operations")
"""Alerts, and what comes of them."""
GRACE_SECONDS: Final = 30.0
"""How long a handler may go on whose lane is to be another node's."""


def fit(member: Member, thing: Thing) -> bool:
    """Whether a node can have a thing: by its role, and by what it has loaded."""
    if thing == OPERATIONS:
        return ALERTING in member.roles
    if thing.kind == TASK:
        return "ops" in member.roles
    return member.offers is not None and (thing.kind == LANE or thing.name in member.offers)


@dataclass(frozen=True, slots=True)
class Task:
    """What one node does for all: how it begins and how it ends."""

    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]


class Duties:
    """Implements `cluster.ports.Owner`.

    A lane is one of all plain listeners that all nodes have loaded. One that is uneven goes whole
    to the owner of the listener. What nodes do not agree on yet rests.
    """

    def __init__(self, everything: Share, sharing: Sharing, tasks: Mapping[str, Task]) -> None:
        self._everything = everything.lanes
        self._sharing = sharing
        self._tasks = tasks
        self._begun: set[str] = set()
        self._had: set[Thing] = set()
        self._forsaken: set[Thing] = set()
        self._uneven: frozenset[str] = frozenset()
        self._resting = set(self._everything)
        self.things = things_of(everything, tasks)

    def may_have_been(self, things: Collection[Thing]) -> Share:
        """All that whoever had these things may have had in hand."""
        numbers, names = _lanes(things), frozenset(_names(LISTENER, things))
        lanes = {x: self._everything[x] if x in names else numbers for x in self._everything}
        return Share(lanes, names)

    def _share(self, things: Collection[Thing]) -> Share:
        """What there is in these things that does not rest."""
        awake = {x: lanes for x, lanes in self._everything.items() if x not in self._resting}
        return share_among(things, awake, self._uneven)

    def _lanes_of(self, names: Collection[str], things: Collection[Thing]) -> Share:
        """The lanes of these listeners that there are in things."""
        mine = self._share(things).lanes
        return Share({name: mine[name] for name in names if name in mine})

    async def take(self, things: Collection[Thing], forsaken: Collection[Thing]) -> None:
        fresh = [thing for thing in things if thing not in self._had]  # of a take that failed late
        share = self._share(fresh)
        if share.lanes or share.listeners:
            await self._sharing.take(share, self._share(forsaken))
        self._had.update(things)
        self._forsaken.update(forsaken)
        for name in _names(TASK, things):
            self._begun.add(name)
            await self._tasks[name].begin()

    async def release(self, things: Collection[Thing]) -> None:
        self._had.difference_update(things)
        self._forsaken.difference_update(things)
        await self._end(_names(TASK, things))
        await self._sharing.release(self._share(things), GRACE_SECONDS)

    async def abandon(self) -> None:
        self._had.clear()
        self._forsaken.clear()
        self._resting = set(self._everything)
        await asyncio.gather(self._end([*self._begun]), self._sharing.abandon())

    async def divide(self, uneven: frozenset[str]) -> None:
        changed = (uneven ^ self._uneven) & self._everything.keys()
        await self._sharing.release(self._lanes_of(changed, self._had), GRACE_SECONDS)
        self._resting |= changed
        self._uneven = uneven

    async def go_on(self) -> None:
        resting, self._resting = self._resting, set()
        try:
            mine = self._lanes_of(resting, self._had)
            await self._sharing.take(mine, self._lanes_of(resting, self._forsaken))
        except BaseException:
            self._resting = resting
            raise

    async def _end(self, names: Collection[str]) -> None:
        for name in names:
            if name in self._begun:
                self._begun.discard(name)
                await self._tasks[name].end()


def things_of(everything: Share, tasks: Iterable[str]) -> list[Thing]:
    """All delivery and these tasks, as the things that nodes have of them."""
    lanes = {number for numbers in everything.lanes.values() for number in numbers}
    return [
        *(Thing(LANE, str(number)) for number in lanes),
        *(Thing(LISTENER, name) for name in everything.listeners),
        *(Thing(TASK, name) for name in tasks),
    ]


def share_among(
    things: Collection[Thing], everything: Mapping[str, Collection[int]], uneven: Collection[str]
) -> Share:
    """What of delivery there is in things; `everything` has the lanes of each plain listener."""
    names, numbers = frozenset(_names(LISTENER, things)), _lanes(things)
    even = everything.keys() - set(uneven)
    whole = {name: everything[name] for name in names & everything.keys() - even}
    return Share({**share_of(even if numbers else (), numbers).lanes, **whole}, names)


def _names(kind: str, things: Collection[Thing]) -> list[str]:
    return [thing.name for thing in things if thing.kind == kind]


def _lanes(things: Collection[Thing]) -> list[int]:
    return [int(name) for name in _names(LANE, things)]
