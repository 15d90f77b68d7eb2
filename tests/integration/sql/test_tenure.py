"""A lease is kept by a task, lapses where the server is away, and is lost to another node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from event_system.kernel.errors import DatabaseUnreachableError, LeaseHeldError, LeaseLostError
from event_system.sql import tenure
from event_system.sql.database import Database
from event_system.sql.leases import Leases
from event_system.sql.tenure import Tenure
from tests.support.sql import ENGINES, SharedDatabases, opened


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease of a second in place of ten."""
    for name, seconds in (("LEASE", 1.0), ("RENEW", 0.1), ("ATTEMPT", 0.3), ("RETRY", 0.05)):
        monkeypatch.setattr(tenure, f"{name}_SECONDS", seconds)
    monkeypatch.setattr(tenure, "MARGIN_SECONDS", 0.3)


class CutOff(Leases):
    """Leases of a server to which the way can be cut."""

    cut = False

    async def renew(self, name: str, epoch: int, seconds: float) -> None:
        if self.cut:
            raise DatabaseUnreachableError("the way is cut")
        await super().renew(name, epoch, seconds)


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, databases: SharedDatabases
) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param)) as database:
        yield database


@pytest.fixture
def leases(database: Database) -> CutOff:
    return CutOff(database)


async def test_who_comes_second_is_refused_while_the_first_renews(leases: CutOff) -> None:
    first = Tenure(leases, "delivery", "the first")
    await first.take()

    with pytest.raises(LeaseHeldError, match="the first"):
        await Tenure(leases, "delivery", "the second").take()
    await first.release()


async def test_who_comes_after_a_dead_one_waits_for_its_lease(leases: CutOff) -> None:
    dead = await leases.acquire("delivery", "the dead one", 1.0)
    assert isinstance(dead, int)

    second = Tenure(leases, "delivery", "the second")
    await second.take()

    assert second.epoch == dead + 1
    await second.release()


async def test_a_released_lease_is_free_at_once(leases: CutOff) -> None:
    first, second = (Tenure(leases, "delivery", name) for name in ("first", "second"))
    await first.take()
    await first.release()
    await first.release()

    await asyncio.wait_for(second.take(), 0.5)
    assert second.epoch == first.epoch + 1
    await second.release()


async def test_it_lapses_before_its_end_and_is_back_with_the_server(leases: CutOff) -> None:
    told: asyncio.Queue[bool] = asyncio.Queue()
    first = Tenure(leases, "delivery", "first")
    first.watch(told.put_nowait)
    await first.take()

    leases.cut = True
    assert await asyncio.wait_for(told.get(), 5) is False
    assert first.failure == "the way is cut"
    leases.cut = False
    assert await asyncio.wait_for(told.get(), 5) is True
    assert first.failure is None
    await first.release()


async def test_who_lost_it_to_another_is_told_for_good(leases: CutOff) -> None:
    told: asyncio.Queue[bool] = asyncio.Queue()
    first = Tenure(leases, "delivery", "first")
    first.watch(told.put_nowait)
    await first.take()

    leases.cut = True
    assert await asyncio.wait_for(told.get(), 5) is False
    second = Tenure(Leases(leases._database), "delivery", "second")
    await second.take()
    leases.cut = False

    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(first.lost(), 5)
    assert told.empty()
    await first.release()
    await second.release()
