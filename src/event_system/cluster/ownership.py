"""Keeps a node in the cluster, and its share of what there is to have fair.

Three tasks: one renews; one watches that this was done in time, as a renewal may hang; the third
moves things, one move after the other. What is claimed is taken before anything else is decided,
what is given back is released first, so nobody else begins with it while this node is still at it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from event_system.cluster.agreement import agreed, sign, uneven
from event_system.cluster.balance import balance
from event_system.cluster.ports import Member, Offers, Owner, Stay, Thing, View
from event_system.kernel.errors import EventSystemError, LeaseLostError, StorageError
from event_system.kernel.tasks import end

RENEW: Final = 1 / 8
ATTEMPT: Final = 3 / 16
AGAIN: Final = 1 / 16
MARGIN: Final = 1 / 4
"""So long before the end of a lease that could not be renewed its node stops all that it does.

These are parts of the time for which a lease lasts."""

Fit: TypeAlias = Callable[[Member, Thing], bool]
"""Whether a node can have a thing."""

_log = logging.getLogger(__name__)


class Ownership:
    """What a node has, and how it comes and goes. `held` is what its owner is at.

    `newcomer` makes the membership of each stay: a node that was given up enters again as another.
    `inherited` is what the process before had, where nobody had given it up yet: this node's.
    """

    def __init__(
        self, newcomer: Callable[[], Stay], fit: Fit, monotonic: Callable[[], float]
    ) -> None:
        self.membership = newcomer()
        self.held: frozenset[Thing] = frozenset()
        self.inherited: frozenset[Thing] = frozenset()
        self.view = View({}, {})
        self.failure: str | None = None
        """Why the last renewal failed; None after one that succeeded."""
        self.renewals_failed = self.nodes_given_up = self.things_taken = 0
        self._newcomer = newcomer
        self._things: frozenset[Thing] = frozenset()
        self._offers: Offers | None = None
        self._uneven: frozenset[str] | None = None
        self._agreed = False
        self._changes = 0
        self._seen_after = 0
        self._fit = fit
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
        self.inherited = await self.membership.enter(heir=True)
        self._tasks = [_task(self._renew()), _task(self._guard())]

    async def begin(self, things: Collection[Thing], offers: Offers | None, owner: Owner) -> None:
        """Have a share of these things, as soon as others leave one. Raises `StorageError`."""
        await self.membership.introduce(things, offers)
        self._things, self._offers, self._owner = frozenset(things), offers, owner
        self._moving = _task(self._move(owner))

    def fence(self, connection: Any) -> None:
        """The last of each transaction of this node. Raises `LeaseLostError`."""
        self.membership.fence(connection)

    def fence_of(self, thing: Thing, connection: Any) -> None:
        """The last of a transaction of a thing's owner. Raises `LeaseLostError`."""
        self.membership.fence_of(thing, connection)

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
                before = self._changes
                async with asyncio.timeout(ATTEMPT * self.membership.lasts):
                    self.view = await self.membership.renew()
                self._seen_after = before
            except LeaseLostError as error:
                self.renewals_failed += 1
                await self._enter_again(error)
            except (StorageError, TimeoutError) as error:
                self.renewals_failed += 1
                self.failure = str(error) or "no answer in time"
                await asyncio.sleep(AGAIN * self.membership.lasts)
            else:
                self.failure = None
                self.nodes_given_up += len(self.view.gone)
                self._seen.set()
                await asyncio.sleep(RENEW * self.membership.lasts)

    async def _enter_again(self, error: LeaseLostError) -> None:
        _log.error("%s", error)
        self.failure = str(error)
        await self._abandon()
        membership = self._newcomer()
        try:
            await membership.enter(heir=False)
            if self._owner is not None:
                await membership.introduce(self._things, self._offers)
        except StorageError as failed:
            self.failure = str(failed)
            await asyncio.sleep(AGAIN * membership.lasts)
        else:
            self.membership = membership

    async def _guard(self) -> None:
        """End with everything in time where the lease is not renewed, whatever that waits for."""
        while True:
            lasts = self.membership.lasts
            left = self.lease_seconds - MARGIN * lasts
            if left <= 0 and self.held:
                _log.warning("the lease could not be renewed: %s", self.failure)
                await self._abandon()
            await asyncio.sleep(left if left > 0 else AGAIN * lasts)

    async def _abandon(self) -> None:
        """End with everything; a move that is under way is broken off."""
        async with self._abandoning:
            moving, self._moving = self._moving, None
            await _end(moving)
            self.held, self._uneven = frozenset(), None
            self._seen.clear()
            if self._owner is not None:
                await self._owner.abandon()
                self._moving = None if moving is None else _task(self._move(self._owner))

    # The share

    async def _move(self, owner: Owner) -> None:
        while True:
            await self._seen.wait()
            self._seen.clear()
            if self._seen_after != self._changes:
                continue  # it shows what this node had before its last move, or in the midst of it
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
        view = await self._agree(view, owner)
        mine = {t for t, id_ in view.owners.items() if id_ == self.membership.id}
        if missing := mine & self._things - self.held:
            await self._take(missing, view.forsaken, owner)
        for members, things in self._contests(view):
            moves = balance(self.membership.id, members, {t: view.owners[t] for t in things})
            if moves.give:
                await self._give(moves.give, owner)
            if moves.claim:
                async with self._changing():
                    found = await self.membership.claim(moves.claim)
                await self._take(found, [t for t, forsaken in found.items() if forsaken], owner)

    async def _agree(self, view: View, owner: Owner) -> View:
        """Go by which names are uneven once all do; the newest view. See `agreement.py`."""
        names = uneven(view)
        if names != self._uneven:
            self._agreed = False
            await owner.divide(names)
            await self.membership.publish(sign(names))
            self._uneven = names
            view = await self.membership.renew()
        if not self._agreed and agreed(view, sign(names)):
            await owner.go_on()
            self._agreed = True
        return view

    def _contests(self, view: View) -> Iterable[tuple[Collection[str], list[Thing]]]:
        """What this node may have, by the ids of those who may have it."""
        found: defaultdict[tuple[str, frozenset[str]], list[Thing]] = defaultdict(list)
        for thing in sorted(self._things & view.owners.keys()):
            members = (id_ for id_, member in view.members.items() if self._fit(member, thing))
            found[thing.kind, frozenset(members)].append(thing)
        return [(members, things) for (_, members), things in found.items()]

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """What was seen before the end of this tells nothing of what this node has."""
        self._changes += 1
        try:
            yield
        finally:
            self._changes += 1

    async def _take(
        self, things: Collection[Thing], forsaken: Collection[Thing], owner: Owner
    ) -> None:
        if things:
            await owner.take(things, forsaken)
            self.held |= frozenset(things)
            self.things_taken += len(things)
            _log.info("this node has %s", _named(things))

    async def _give(self, things: Collection[Thing], owner: Owner) -> None:
        self.held -= frozenset(things)
        await owner.release(things)
        async with self._changing():
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
