"""A cluster of nodes in one process: each thing is had by one of them, and all have their share."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from event_system.cluster.membership import Membership
from event_system.cluster.ownership import Ownership
from event_system.cluster.ports import Introduction, Thing
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn
from tests.support.delivery import until
from tests.support.sql import SharedDatabases, opened

LANES = [Thing("lane", str(number)) for number in range(8)]
TASKS = [Thing("task", "scheduler"), Thing("task", "retention")]
ROLES = {"lane": "worker", "task": "ops"}
ALL = frozenset({"api", "worker", "ops"})

pytestmark = pytest.mark.service("postgresql")


class Worker:
    """An owner that is at its things; nobody else may be at them meanwhile."""

    def __init__(self, at: dict[Thing, Worker]) -> None:
        self.at = at
        self.abandoned = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def take(self, things: Collection[Thing]) -> None:
        for thing in things:
            assert thing not in self.at, "somebody else is still at it"
            self.at[thing] = self

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
    """A node, which can be cut off: its clock stands still for whoever asks for renewals."""

    def __init__(self, database: Database, name: str, at: dict[Thing, Worker], **options: object):
        self.worker = Worker(at)
        self.name = name
        roles, lease = options.get("roles", ALL), options.get("lease", 3.0)
        numbers: Iterator[int] = itertools.count(1)

        def newcomer() -> Membership:
            introduction = Introduction(name, "", frozenset(roles), "1")  # type: ignore[call-overload]
            return Membership(
                *(database, f"{name}-{next(numbers)}", introduction, time.monotonic),
                lease_seconds=float(str(lease)),
            )

        self.ownership = Ownership(newcomer, ROLES, time.monotonic)

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
            await node.ownership.enter()
            stack.push_async_callback(node.ownership.leave)
            await node.ownership.begin([*LANES, *TASKS], node.worker)
        yield


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
            await two.worker.abandon()
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
    async with opened(dsn) as lonely:
        one, two = Node(lonely, "one", at), Node(database, "two", at)
        async with started(one, two):
            await until(lambda: one.has("lane") == two.has("lane") == 4)
            before = one.ownership.membership.id
            renew = Membership.renew

            async def hang(self: Membership) -> object:
                if self.id == before and not back.is_set():
                    await asyncio.Event().wait()
                return await renew(self)

            back = asyncio.Event()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Membership, "renew", hang)
                await until(lambda: two.has("lane") == 8)
                assert one.worker.abandoned >= 1
                assert one.ownership.failure
                back.set()
                await until(lambda: one.has("lane") == two.has("lane") == 4)
        assert one.ownership.membership.id != before
