"""What a node has to do, in the things that the nodes of a cluster share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from event_system.cluster.ports import Thing
from event_system.delivery.share import Share, share_of
from event_system.delivery.sharing import Sharing

LANE: Final = "lane"
LISTENER: Final = "listener"
TASK: Final = "task"
ROLES: Final = {LANE: "worker", LISTENER: "worker", TASK: "ops"}
"""The role that a node needs to have things of a kind."""
GRACE_SECONDS: Final = 30.0
"""How long a handler may go on whose lane is to be another node's."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one node does for all: how it begins and how it ends."""

    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]


class Duties:
    """Implements `cluster.ownership.Owner`."""

    def __init__(self, everything: Share, sharing: Sharing, tasks: Mapping[str, Task]) -> None:
        self._sharing = sharing
        self._tasks = tasks
        self._begun: set[str] = set()
        self.things = [
            *(Thing(LANE, str(number)) for number in everything.lanes),
            *(Thing(LISTENER, name) for name in everything.listeners),
            *(Thing(TASK, name) for name in tasks),
        ]

    async def take(self, things: Collection[Thing]) -> None:
        if share := _share(things):
            await self._sharing.take(share)
        for name in _names(TASK, things):
            self._begun.add(name)
            await self._tasks[name].begin()

    async def release(self, things: Collection[Thing]) -> None:
        await self._end(_names(TASK, things))
        if share := _share(things):
            await self._sharing.release(share, GRACE_SECONDS)

    async def abandon(self) -> None:
        await asyncio.gather(self._end([*self._begun]), self._sharing.abandon())

    async def _end(self, names: Collection[str]) -> None:
        for name in names:
            if name in self._begun:
                self._begun.discard(name)
                await self._tasks[name].end()


def _names(kind: str, things: Collection[Thing]) -> list[str]:
    return [thing.name for thing in things if thing.kind == kind]


def _share(things: Collection[Thing]) -> Share:
    return share_of(map(int, _names(LANE, things)), _names(LISTENER, things))
