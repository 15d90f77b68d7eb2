"""A cluster of nodes in one process: each thing is had by one of them, and all have their share."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from event_system.cluster.clock import ClusterClock
from event_system.cluster.membership import Membership
from event_system.cluster.ownership import Ownership
from event_system.cluster.ports import Introduction, Member, Thing
from event_system.kernel.clock import SystemClock
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn
from tests.support.link import Link
from tests.support.sql import SharedDatabases, opened
from tests.support.waiting import until

LANES = [Thing("lane", str(number)) for number in range(8)]
TASKS = [Thing("task", "scheduler"), Thing("task", "retention")]
ALL = frozenset({"api", "worker", "ops"})

pytestmark = pytest.mark.service("postgresql")


def fit(member: Member, thing: Thing) -> bool:
    if thing.kind == "task":
        return "ops" in member.roles
    return member.offers is not None and (thing.kind == "lane" or thing.name in member.offers)


class Worker:
    """An owner that is at its things; nobody else may be at them meanwhile."""

    def __init__(self, at: dict[Thing, Worker]) -> None:
        self.at = at
        self.abandoned = 0
        self.forsaken: set[Thing] = set()
        self.twice: set[Thing] = set()
        self.delay: Callable[[], Awaitable[None]] | None = None
        self.uneven: frozenset[str] = frozenset()
        self.goes_by: frozenset[str] | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, things: Collection[Thing], forsaken: Collection[Thing]) -> None:
        self.forsaken.update(forsaken)
        if self.delay is not None:
            await self.delay()
        self.twice.update(thing for thing in things if thing in self.at)
        self.at |= dict.fromkeys(things, self)

    async def divide(self, uneven: frozenset[str]) -> None:
        self.uneven, self.goes_by = uneven, None

    async def go_on(self) -> None:
        others = {worker.goes_by for worker in self.at.values() if worker is not self}
        assert others <= {None, self.uneven}, "somebody still goes by something else"
        self.goes_by = self.uneven

    async def release(self, things: Collection[Thing]) -> None:
        await self.gate.wait()
        self._end(things)

    async def abandon(self) -> None:
        self.abandoned += 1
        self._end([thing for thing, worker in self.at.items() if worker is self])

    def _end(self, things: Collection[Thing]) -> None:
        for thing in things:
            if self.at.get(thing) is self:
                del self.at[thing]


class Node:
    """A node that does nothing but have things."""

    def __init__(self, database: Database, name: str, at: dict[Thing, Worker], **options: object):
        self.worker = Worker(at)
        self.name = name
        roles, place = options.get("roles", ALL), str(options.get("place", name))
        listeners = options.get("listeners", ())
        self.offers = dict.fromkeys(listeners, "async 1") if "worker" in roles else None  # type: ignore[call-overload,operator]
        numbers: Iterator[int] = itertools.count(1)
        clock = ClusterClock(SystemClock())

        def newcomer() -> Membership:
            introduction = Introduction(name, "", frozenset(roles), "1", place)  # type: ignore[call-overload]
            return Membership(
                *(database, f"{name}-{next(numbers)}", introduction, clock),
                lease_seconds=3.0,
            )

        self.ownership = Ownership(newcomer, fit, clock.monotonic)

    async def begin(self) -> None:
        listeners = [Thing("listener", name) for name in self.offers or ()]
        await self.ownership.enter()
        await self.ownership.begin([*LANES, *TASKS, *listeners], self.offers, self.worker)

    async def end(self) -> None:
        await self.ownership.stop()
        await self.worker.abandon()
        await self.ownership.leave()

    async def die(self) -> None:
        """End as a process does that is killed: nobody is told."""
        for task in [*self.ownership._tasks, self.ownership._moving]:
            assert task is not None
            task.cancel()
        await self.worker.abandon()

    def has(self, kind: str) -> int:
        return sum(thing.kind == kind for thing in self.ownership.held)


@pytest.fixture
def dsn(databases: SharedDatabases) -> Dsn:
    return databases.fresh("postgresql")


@pytest.fixture
async def database(dsn: Dsn) -> AsyncIterator[Database]:
    async with opened(dsn) as database:
        yield database


@asynccontextmanager
async def started(*nodes: Node) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.end)
            await node.begin()
        yield
        assert not [thing for node in nodes for thing in node.worker.twice]


async def test_one_node_has_everything_at_once(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    one = Node(database, "one", at)
    async with started(one):
        await until(lambda: len(one.ownership.held) == 10)
        assert set(at) == {*LANES, *TASKS}


async def test_who_comes_gets_its_share_and_who_leaves_gives_it_to_the_others(
    database: Database,
) -> None:
    at: dict[Thing, Worker] = {}
    one, two = Node(database, "one", at), Node(database, "two", at)
    async with started(one):
        await until(lambda: one.has("lane") == 8)
        async with started(two):
            await until(lambda: (one.has("lane"), two.has("lane")) == (4, 4))
            await until(lambda: (one.has("task"), two.has("task")) == (1, 1))
        await until(lambda: len(one.ownership.held) == 10)


async def test_roles_say_who_has_what(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    api = Node(database, "api", at, roles={"api"})
    worker = Node(database, "worker", at, roles={"worker"})
    ops = Node(database, "ops", at, roles={"ops"})
    async with started(api, worker, ops):
        await until(lambda: len(at) == 10)
        assert Counter(at.values()) == {worker.worker: 8, ops.worker: 2}
        assert not api.ownership.held


async def test_nobody_begins_before_who_gives_back_has_ended(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    one, two = Node(database, "one", at), Node(database, "two", at)
    one.worker.gate.clear()
    async with started(one):
        await until(lambda: one.has("lane") == 8)
        async with started(two):
            await until(lambda: len(two.ownership.view.members) == 2)
            await until(lambda: one.has("lane") == 4)
            assert two.has("lane") == 0
            assert len([t for t, w in at.items() if t.kind == "lane" and w is one.worker]) == 8
            one.worker.gate.set()
            await until(lambda: two.has("lane") == 4)


async def test_who_is_cut_off_has_ended_before_others_begin_and_comes_back(
    database: Database, dsn: Dsn
) -> None:
    at: dict[Thing, Worker] = {}
    async with (
        Link(lambda: [dsn.port or 0]) as wire,
        opened(replace(dsn, host="127.0.0.1", port=wire.port)) as far,
    ):
        one, two = Node(far, "one", at), Node(database, "two", at)
        async with started(one, two):
            await until(lambda: one.has("lane") == two.has("lane") == 4)
            before = one.ownership.membership.id
            wire.cut()
            await until(lambda: two.has("lane") == 8)
            assert one.worker.abandoned >= 1
            assert one.ownership.failure
            wire.mend()
            await until(lambda: one.has("lane") == two.has("lane") == 4)
        assert one.ownership.membership.id != before


async def test_what_only_some_have_loaded_goes_to_one_of_those(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    one = Node(database, "one", at, listeners=["x", "y"])
    two = Node(database, "two", at, listeners=["x"])
    x, y = Thing("listener", "x"), Thing("listener", "y")
    async with started(two, one):
        await until(lambda: {x, y} <= at.keys() and one.has("lane") == two.has("lane") == 4)
        assert at[y] is one.worker
        await until(lambda: one.worker.goes_by == two.worker.goes_by == frozenset("y"))


async def test_nobody_begins_before_all_go_by_the_same(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    one = Node(database, "one", at, listeners=["x"])
    async with started(one):
        await until(lambda: one.worker.goes_by == frozenset())
        for _ in range(3):
            other = Node(database, "two", at, listeners=["x", "y"])
            async with started(other):
                await until(lambda: one.worker.goes_by == frozenset("y"))
            await until(lambda: one.worker.goes_by == frozenset())


async def test_what_a_dead_node_had_is_taken_as_forsaken(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    one, two = Node(database, "one", at), Node(database, "two", at)
    async with started(two):
        await one.begin()
        await until(lambda: one.has("lane") == two.has("lane") == 4)
        its = {*one.ownership.held}
        await one.die()
        await until(lambda: len(two.ownership.held) == 10)
        assert two.worker.forsaken == its


async def test_who_starts_again_in_its_place_has_at_once_what_it_had(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    before, after = Node(database, "one", at), Node(database, "one again", at, place="one")
    await before.begin()
    await until(lambda: len(before.ownership.held) == 10)
    await before.die()
    async with started(after):
        assert after.ownership.inherited == {*LANES, *TASKS}
        await until(lambda: len(at) == 10)
        assert set(after.ownership.view.members) == {after.ownership.membership.id}
        assert not after.worker.forsaken


async def test_what_was_seen_in_the_midst_of_a_move_moves_nothing(database: Database) -> None:
    at: dict[Thing, Worker] = {}
    one, two = Node(database, "one", at), Node(database, "two", at)

    def slow(node: Node) -> Callable[[], Awaitable[None]]:
        async def next_look() -> None:
            seen, node.worker.delay = node.ownership.view, None
            await until(lambda: node.ownership.view is not seen)

        return next_look

    one.worker.delay, two.worker.delay = slow(one), slow(two)
    async with started(one):
        await until(lambda: len(one.ownership.held) == 10)
        async with started(two):
            await until(lambda: (one.has("lane"), two.has("lane")) == (4, 4))
            await until(lambda: (one.has("task"), two.has("task")) == (1, 1))
        await until(lambda: len(one.ownership.held) == 10)
