"""A lease is held by one node at a time, and the fence stops one that has lost it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.kernel.errors import LeaseLostError
from event_system.sql.database import Database
from event_system.sql.leases import Holder, Leases, check_fence, check_fence_sync
from event_system.sql.tables.leases import LEASES
from tests.support.sql import ENGINES, SharedDatabases, opened

NAME = "delivery"


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, databases: SharedDatabases
) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param)) as database:
        yield database


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


async def taken(leases: Leases, owner: str, seconds: float = 10) -> int:
    epoch = await leases.acquire(NAME, owner, seconds)
    assert isinstance(epoch, int)
    return epoch


async def test_who_comes_second_learns_who_holds_it(leases: Leases) -> None:
    await taken(leases, "one")

    held = await leases.acquire(NAME, "two", 10)

    assert isinstance(held, Holder)
    assert held.owner == "one"
    assert 5 < held.seconds <= 10


async def test_many_who_come_at_once_get_it_once(leases: Leases) -> None:
    found = await asyncio.gather(*(leases.acquire(NAME, f"node {i}", 10) for i in range(12)))

    assert len([epoch for epoch in found if isinstance(epoch, int)]) == 1


async def test_a_lease_that_ended_or_was_released_changes_hands(leases: Leases) -> None:
    first = await taken(leases, "one", seconds=0)
    second = await taken(leases, "two")
    await leases.release(NAME, second)
    third = await taken(leases, "three")

    assert first < second < third


async def test_the_owner_may_acquire_again_under_a_new_epoch(leases: Leases) -> None:
    first = await taken(leases, "one")

    assert await taken(leases, "one") == first + 1


async def test_a_lease_can_be_renewed_until_another_has_it(leases: Leases) -> None:
    epoch = await taken(leases, "one", seconds=0)
    await leases.renew(NAME, epoch, 10)
    assert isinstance(await leases.acquire(NAME, "two", 10), Holder)

    await leases.renew(NAME, epoch, 0)
    await taken(leases, "two")

    with pytest.raises(LeaseLostError):
        await leases.renew(NAME, epoch, 10)
    with pytest.raises(LeaseLostError):
        await leases.release(NAME, epoch)


async def test_the_fence_stops_a_transaction_of_who_has_lost_it(
    database: Database, leases: Leases
) -> None:
    epoch = await taken(leases, "one", seconds=0)
    async with database.transaction() as connection:
        await check_fence(connection, NAME, epoch)
    new = await taken(leases, "two")

    async def late(connection: AsyncConnection) -> None:
        await check_fence(connection, NAME, epoch)

    with pytest.raises(LeaseLostError):
        await database.perform(late)
    with database.connect_sync() as blocking:
        check_fence_sync(blocking, NAME, new)
        with pytest.raises(LeaseLostError):
            check_fence_sync(blocking, NAME, epoch)


async def test_nobody_takes_the_lease_while_a_fenced_transaction_is_open(
    database: Database, leases: Leases
) -> None:
    epoch = await taken(leases, "one", seconds=0)
    async with database.transaction() as connection:
        await connection.execute(sa.select(sa.func.count()).select_from(LEASES))
        await check_fence(connection, NAME, epoch)
        other = asyncio.create_task(leases.acquire(NAME, "two", 10))
        done, _ = await asyncio.wait([other], timeout=0.3)
        assert not done

    assert await other == epoch + 1


@pytest.mark.parametrize("database", ENGINES[:1], indirect=True)
async def test_on_postgresql_a_fenced_transaction_does_not_hold_up_renewal(
    database: Database, leases: Leases
) -> None:
    epoch = await taken(leases, "one")
    async with database.transaction() as connection:
        await check_fence(connection, NAME, epoch)
        await asyncio.wait_for(leases.renew(NAME, epoch, 10), timeout=5)
