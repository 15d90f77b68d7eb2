"""Nodes enter, stay and are given up; what one has no other has, and no save of a lost one counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from event_system.cluster.clock import ClusterClock
from event_system.cluster.membership import Membership
from event_system.cluster.ports import Introduction, Thing
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import LeaseLostError
from event_system.sql.database import Database
from event_system.sql.tables.cluster import OWNED
from tests.support.sql import ENGINES, SharedDatabases, opened
from tests.support.waiting import PATIENCE_SECONDS

LANES = [Thing("lane", str(number)) for number in range(4)]
SOON = 20.0
FIVE_MINUTES_US = 5 * 60 * 1_000_000


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, databases: SharedDatabases
) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param)) as database:
        yield database


async def entered(
    database: Database,
    name: str,
    *,
    lease_seconds: float = SOON,
    clock: ClusterClock | None = None,
    stay: int = 1,
) -> Membership:
    introduction = Introduction(name, f"{name}:8080", frozenset({"api", "worker"}), "1.0", name)
    membership = Membership(
        *(database, f"{name}-{stay}", introduction, clock or ClusterClock(SystemClock())),
        lease_seconds=lease_seconds,
    )
    await membership.enter(heir=False)
    await membership.introduce(LANES, {"x": "async 1"})
    return membership


class WrongClock(SystemClock):
    """A machine's clock that is five minutes ahead."""

    def now_us(self) -> int:
        return super().now_us() + FIVE_MINUTES_US


async def saved(database: Database, node: Membership) -> None:
    async with database.transaction() as connection:
        await connection.execute(OWNED.update().values(node="nobody"))
        await connection.run_sync(node.fence)


async def test_nodes_see_each_other_and_what_there_is(database: Database) -> None:
    one, two = await entered(database, "one"), await entered(database, "two")

    view = await one.renew()

    assert set(view.members) == {one.id, two.id}
    assert view.members[two.id].roles == {"api", "worker"}
    assert view.members[two.id].offers == {"x": "async 1"}
    assert 0 < view.members[two.id].seconds <= SOON
    assert view.owners == dict.fromkeys(LANES)


async def test_of_many_who_claim_a_thing_one_gets_it(database: Database) -> None:
    nodes = [await entered(database, f"n{number}") for number in range(6)]

    found = await asyncio.gather(*(node.claim(LANES) for node in nodes))

    assert sorted(thing for each in found for thing in each) == LANES
    view = await nodes[0].look()
    assert {t: view.owners[t] for t in LANES} == {
        t: node.id for node, each in zip(nodes, found, strict=True) for t in each
    }


async def test_what_is_given_back_is_free_and_only_what_one_had(database: Database) -> None:
    one, two = await entered(database, "one"), await entered(database, "two")
    await one.claim(LANES[:2])
    await two.claim(LANES)

    await one.give(LANES)

    owners = (await two.renew()).owners
    assert owners == {LANES[0]: None, LANES[1]: None, LANES[2]: two.id, LANES[3]: two.id}


async def test_who_does_not_renew_is_given_up_and_its_saves_fail(database: Database) -> None:
    one = await entered(database, "one", lease_seconds=0)
    two = await entered(database, "two")
    await one.claim(LANES)

    view = await two.renew()

    assert set(view.members) == {two.id}
    assert view.owners == dict.fromkeys(LANES)
    with pytest.raises(LeaseLostError):
        await saved(database, one)
    with pytest.raises(LeaseLostError):
        await one.renew()
    with pytest.raises(LeaseLostError):
        await one.claim(LANES)
    with pytest.raises(LeaseLostError):
        await one.publish("")
    assert (await two.look()).owners == dict.fromkeys(LANES)


async def test_what_is_taken_from_who_is_given_up_is_forsaken_until_it_is_given_back(
    database: Database,
) -> None:
    one = await entered(database, "one", lease_seconds=0)
    two, three = await entered(database, "two"), await entered(database, "three")
    await one.claim(LANES[:2])

    assert (await two.renew()).forsaken == set(LANES[:2])
    assert await two.claim(LANES[1:]) == {
        LANES[1]: True,
        LANES[2]: False,
        LANES[3]: False,
    }
    await two.give(LANES[1:2])

    assert await three.claim(LANES) == {LANES[0]: True, LANES[1]: False}


async def test_an_heir_has_what_the_process_before_had(database: Database) -> None:
    before = await entered(database, "one")
    await before.claim(LANES[:2])
    heir = Membership(
        *(database, "one-2", before._introduction, ClusterClock(SystemClock())), lease_seconds=SOON
    )

    assert await heir.enter(heir=True) == set(LANES[:2])

    with pytest.raises(LeaseLostError):
        await saved(database, before)
    view = await heir.renew()
    assert set(view.members) == {"one-2"}
    assert view.forsaken == set()


async def test_a_late_renewal_keeps_what_nobody_took(database: Database) -> None:
    one = await entered(database, "one", lease_seconds=0)
    await one.claim(LANES)

    view = await one.renew()

    assert view.owners == dict.fromkeys(LANES, one.id)


async def test_nobody_is_given_up_while_it_commits_and_nobody_waits_for_that(
    database: Database,
) -> None:
    one = await entered(database, "one", lease_seconds=0)
    two = await entered(database, "two")
    await one.claim(LANES)
    async with database.transaction() as connection:
        await connection.run_sync(one.fence)
        meanwhile = await asyncio.wait_for(two.renew(), PATIENCE_SECONDS)
        assert meanwhile.owners == dict.fromkeys(LANES, one.id)

    assert (await two.renew()).owners == dict.fromkeys(LANES)


async def test_who_leaves_is_gone_with_all_that_it_had(database: Database) -> None:
    one, two = await entered(database, "one"), await entered(database, "two")
    await one.claim(LANES)

    await one.leave()
    await one.leave()

    view = await two.renew()
    assert set(view.members) == {two.id}
    assert view.owners == dict.fromkeys(LANES)


async def test_a_lease_is_counted_from_before_it_was_asked_for(database: Database) -> None:
    before = time.monotonic()
    one = await entered(database, "one", lease_seconds=5)
    assert before + 5 <= one.until
    async with database.transaction() as connection:
        others = await connection.scalar(sa.text("SELECT expires_us FROM nodes"))
        now = await connection.scalar(sa.select(one._now_us))
    assert one.until - time.monotonic() <= (others - now) / 1e6


async def test_renewing_goes_on_beside_saves_that_look_at_the_same_row(database: Database) -> None:
    one = await entered(database, "one")

    async def save() -> None:
        for _ in range(20):
            async with database.transaction() as connection:
                await connection.run_sync(one.fence)

    await asyncio.gather(save(), save(), *(one.renew() for _ in range(10)))

    assert set((await one.look()).members) == {one.id}


async def test_a_node_goes_by_the_databases_clock_and_tells_how_wrong_its_own_is(
    database: Database,
) -> None:
    wrong, right = ClusterClock(WrongClock()), SystemClock()
    one = await entered(database, "one", clock=wrong)

    view = await one.renew()

    assert abs(wrong.now_us() - right.now_us()) < 1_000_000
    assert wrong.is_off
    assert abs(view.members[one.id].clock_ahead_us - FIVE_MINUTES_US) < 1_000_000
    assert abs(view.members[one.id].seen_us - right.now_us()) < 1_000_000


async def test_who_has_gone_is_seen_until_it_is_back(database: Database) -> None:
    two = await entered(database, "two")
    await entered(database, "one", lease_seconds=0)

    assert [member.name for member in (await two.renew()).gone] == ["one"]
    (gone,) = (await two.look()).gone
    assert (gone.name, gone.id, gone.address) == ("one", "one-1", "one:8080")
    assert gone.seconds < 0 < gone.seen_us
    assert (await two.renew()).gone == []

    back = await entered(database, "one", stay=2)
    assert (await two.look()).gone == []
    await back.leave()
    assert (await two.look()).gone == []


async def test_who_comes_back_before_it_is_missed_is_not_told_as_gone(database: Database) -> None:
    two = await entered(database, "two")
    await entered(database, "one", lease_seconds=0)
    await entered(database, "one", stay=2)

    await two.renew()

    assert (await two.look()).gone == []
