"""Schedules of two nodes over one store: what the other one has done is looked at when it matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from event_system.kernel.clock import to_us
from event_system.scheduling.schedule import Schedule, Template
from event_system.scheduling.schedules import Schedules
from tests.support.memory_schedules import MemoryScheduleStore
from tests.support.rows import LANES
from tests.support.site import Site, serving
from tests.support.waiting import PATIENCE_SECONDS

NOON = to_us(datetime(2026, 11, 21, 12, tzinfo=UTC))
MINUTE_US = 60_000_000


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving(Site()) as running:
        yield running


def pair(site: Site) -> tuple[Schedules, Schedules]:
    """Two nodes' schedules over one store, at noon."""
    store, loop = MemoryScheduleStore(site.log), asyncio.get_running_loop()
    one, two = (
        Schedules(
            store,
            site.manager,
            lanes=LANES,
            now_us=lambda: NOON,
            loop=loop,
            call_later=loop.call_later,
            observe=lambda delays: None,
        )
        for _ in range(2)
    )
    return one, two


def every_minute(type_: str) -> Schedule:
    return Schedule(cron="* * * * *", event=Template(type_))


async def fire(node: Schedules, minutes: int) -> None:
    done: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    node.fire(NOON + minutes * MINUTE_US, done.set_result)
    assert await asyncio.wait_for(done, PATIENCE_SECONDS) is None


async def fired(site: Site) -> list[str]:
    return [event.type for event in (await site.log.read(0, 100)).events]


async def test_what_was_changed_elsewhere_fires_as_it_says_now(site: Site) -> None:
    one, two = pair(site)
    await one.put("tax", every_minute("old"))
    await two.put("tax", every_minute("old"))
    await one.put("tax", every_minute("new"))

    await fire(two, 1)

    assert await fired(site) == []
    assert two.get("tax") == one.get("tax")
    await fire(two, 1)
    assert await fired(site) == ["new"]


async def test_what_has_fired_elsewhere_goes_on_from_there(site: Site) -> None:
    one, two = pair(site)
    await one.put("tax", every_minute("tick"))
    await two.put("tax", every_minute("tick"))
    await fire(one, 1)

    await fire(two, 1)

    assert await fired(site) == ["tick"]
    assert two.next_us == one.next_us == NOON + 2 * MINUTE_US


async def test_what_was_deleted_elsewhere_fires_no_more(site: Site) -> None:
    one, two = pair(site)
    await one.put("tax", every_minute("tick"))
    await two.put("tax", every_minute("tick"))
    await one.delete("tax")

    await fire(two, 1)

    assert await fired(site) == []
    assert (two.all(), two.next_us) == ([], None)
