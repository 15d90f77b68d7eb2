"""Nodes enter, stay and are given up; what one has no other has, and no save of a lost one counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from event_system.cluster.membership import Membership
from event_system.cluster.ports import Introduction, Thing
from event_system.kernel.errors import LeaseLostError
from event_system.sql.database import Database
from event_system.sql.tables.cluster import OWNED
from tests.support.sql import ENGINES, SharedDatabases, opened

LANES = [Thing("lane", str(number)) for number in range(4)]
SOON = 20.0


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, databases: SharedDatabases
) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param)) as database:
        yield database


async def entered(database: Database, name: str, *, lease_seconds: float = SOON) -> Membership:
    introduction = Introduction(name, f"{name}:8080", frozenset({"api", "worker"}), "1.0")
    membership = Membership(
        database, f"{name}-1", introduction, time.monotonic, lease_seconds=lease_seconds
    )
    await membership.enter()
    await membership.introduce(LANES)
    return membership


async def saved(database: Database, node: Membership) -> None:
    async with database.transaction() as connection:
        await connection.execute(OWNED.update().values(node="nobody"))
        await connection.run_sync(node.fence)


async def test_nodes_see_each_other_and_what_there_is(database: Database) -> None:
    one, two = await entered(database, "one"), await entered(database, "two")

    view = await one.renew()

    assert set(view.members) == {one.id, two.id}
    assert view.members[two.id].roles == {"api", "worker"}
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
    assert (await two.look()).owners == dict.fromkeys(LANES)


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
        meanwhile = await asyncio.wait_for(two.renew(), 2)
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
