"""Keeps a node in the cluster, and its share of what there is to have fair.

Three tasks: one renews; one watches that this was done in time, as a renewal may hang; the third
moves things, one move after the other. What is claimed is taken before anything else is decided, what is given back is
released first, so nobody else begins with it while this node is still at it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Final

from event_system.cluster.balance import balance
from event_system.cluster.ports import Owner, Stay, Thing, View
from event_system.kernel.errors import EventSystemError, LeaseLostError, StorageError
from event_system.kernel.tasks import end

RENEW_SECONDS: Final = 1.0
ATTEMPT_SECONDS: Final = 1.5
AGAIN_SECONDS: Final = 0.5
MARGIN_SECONDS: Final = 2.0
"""So long before the end of a lease that could not be renewed its node stops all that it does."""

_log = logging.getLogger(__name__)


class Ownership:
    """What a node has, and how it comes and goes. `held` is what its owner is at.

    `roles` says which role a node needs in order to have things of a kind. `newcomer` makes the
    membership of each stay: a node that was given up enters again as another.
    """

    def __init__(
        self,
        newcomer: Callable[[], Stay],
        roles: Mapping[str, str],
        monotonic: Callable[[], float],
    ) -> None:
        self.membership = newcomer()
        self.held: frozenset[Thing] = frozenset()
        self.view = View({}, {})
        self.failure: str | None = None
        """Why the last renewal failed; None after one that succeeded."""
        self._newcomer = newcomer
        self._things: frozenset[Thing] = frozenset()
        self._roles = roles
        self._owner: Owner | None = None
        self._monotonic = monotonic
        self._tasks: list[asyncio.Task[None]] = []
        self._moving: asyncio.Task[None] | None = None
        self._abandoning = asyncio.Lock()
        self._seen = asyncio.Event()

    @property
    def lease_seconds(self) -> float:
        """What is left of the lease, by this process' clock."""
        return self.membership.until - self._monotonic()

    # Life

    async def enter(self) -> None:
        """Be a member from now on, without a share yet. Raises `StorageError`."""
        await self.membership.enter()
        self._tasks = [_task(self._renew()), _task(self._guard())]

    async def begin(self, things: Collection[Thing], owner: Owner) -> None:
        """Have a share of these things, as soon as others leave one. Raises `StorageError`."""
        await self.membership.introduce(things)
        self._things, self._owner = frozenset(things), owner
        self._moving = _task(self._move(owner))

    def fence(self, connection: Any) -> None:
        """The last of each transaction of this node. Raises `LeaseLostError`."""
        self.membership.fence(connection)

    async def stop(self) -> None:
        """Move nothing more. The node stays a member, with all that it has, until `leave`."""
        await _end(self._moving)
        self._moving = None

    async def leave(self) -> None:
        """Be gone, for others to have all at once."""
        await self.stop()
        for task in self._tasks:
            await _end(task)
        self.held = frozenset()
        await self.membership.leave()

    # The lease

    async def _renew(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    self.view = await self.membership.renew()
            except LeaseLostError as error:
                await self._enter_again(error)
            except (StorageError, TimeoutError) as error:
                self.failure = str(error) or "no answer in time"
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self.failure = None
                self._seen.set()
                await asyncio.sleep(RENEW_SECONDS)

    async def _enter_again(self, error: LeaseLostError) -> None:
        _log.error("%s", error)
        self.failure = str(error)
        await self._abandon()
        membership = self._newcomer()
        try:
            await membership.enter()
        except StorageError as failed:
            self.failure = str(failed)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            self.membership = membership

    async def _guard(self) -> None:
        """End with everything in time where the lease is not renewed, whatever that waits for."""
        while True:
            left = self.lease_seconds - MARGIN_SECONDS
            if left <= 0 and self.held:
                _log.warning("the lease could not be renewed: %s", self.failure)
                await self._abandon()
            await asyncio.sleep(left if left > 0 else AGAIN_SECONDS)

    async def _abandon(self) -> None:
        """End with everything; a move that is under way is broken off."""
        async with self._abandoning:
            moving, self._moving = self._moving, None
            await _end(moving)
            self.held = frozenset()
            self._seen.clear()
            if self._owner is not None:
                await self._owner.abandon()
                self._moving = None if moving is None else _task(self._move(self._owner))

    # The share

    async def _move(self, owner: Owner) -> None:
        while True:
            await self._seen.wait()
            self._seen.clear()
            try:
                await self._settle(self.view, owner)
            except LeaseLostError:
                pass  # the next renewal says so
            except EventSystemError as error:
                _log.error("what this node has could not be changed: %s", error)
            except Exception as error:  # noqa: BLE001 - the next round tries again
                _log.error("what this node has could not be changed", exc_info=error)

    async def _settle(self, view: View, owner: Owner) -> None:
        """Have what the database says, and change that towards a fair share."""
        mine = {t for t, id_ in view.owners.items() if id_ == self.membership.id}
        if missing := mine & self._things - self.held:
            await self._take(missing, owner)
        for kind, role in self._roles.items():
            owners = {
                t: view.owners[t]
                for t in sorted(self._things & view.owners.keys())
                if t.kind == kind
            }
            members = [id_ for id_, member in view.members.items() if role in member.roles]
            moves = balance(self.membership.id, members, owners)
            if moves.give:
                await self._give(moves.give, owner)
            if moves.claim:
                await self._take(await self.membership.claim(moves.claim), owner)

    async def _take(self, things: Collection[Thing], owner: Owner) -> None:
        if things:
            await owner.take(things)
            self.held |= frozenset(things)
            _log.info("this node has %s", _named(things))

    async def _give(self, things: Collection[Thing], owner: Owner) -> None:
        self.held -= frozenset(things)
        await owner.release(things)
        await self.membership.give(things)
        _log.info("this node has given back %s", _named(things))


def _named(things: Collection[Thing]) -> str:
    names = [f"{thing.kind} {thing.name}" for thing in sorted(things)]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work, name="cluster")


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await end(task)
