"""Very many alerts at once, and clocks that are set."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from event_system.alerting.reports import Report
from tests.support.alerting import SECOND
from tests.support.alerting_world import OPTIONS, World, running

MANY = 5_000
FOREVER = 1_000_000
BY_NAME = replace(OPTIONS, group_by=frozenset(["alertname"]))


def storm(world: World, begin: int, count: int) -> list[Report]:
    ends_us = world.time.us + FOREVER * SECOND
    return [
        Report(labels={"alertname": "storm", "n": str(n)}, ends_us=ends_us)
        for n in range(begin, begin + count)
    ]


async def test_a_storm_is_told_in_one_notification_an_interval_and_others_in_time() -> None:
    async with running(options=BY_NAME) as world:
        await world.manager.receive(storm(world, 0, MANY))
        await world.settle()
        first = [len(told) for told in world.told]
        for part in range(1, 5):
            await world.manager.receive(storm(world, part * MANY, MANY))
            await world.passes(1)
        await world.report("other", ends=FOREVER)
        await world.settle()
        assert world.told[-1] == [("other", "firing")]
        await world.passes(6)

        sizes = [len(told) for told in world.told if told[0][0] == "storm"]
        assert sum(first) == sizes[0]
        assert len(sizes) == 2
        assert sizes[1] == 5 * MANY


async def test_all_are_listed_in_pages_by_fingerprint_with_turns_between() -> None:
    async with running(options=BY_NAME) as world:
        await world.manager.receive(storm(world, 0, MANY))
        pages = [page async for page in world.manager.in_turns()]

        assert max(map(len, pages)) <= 500
        assert [alert for page in pages for alert in page] == world.manager.alerts()


async def test_what_is_quiet_is_the_same_in_turns() -> None:
    async with running(options=BY_NAME) as world:
        await world.silence("storm")
        await world.manager.receive(storm(world, 0, MANY))
        alerts, muting = world.manager.alerts(), world.manager.muting()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        quiet = await muting.quiet_in_turns(alerts, world.time.us)
        counting.cancel()

        assert quiet == muting.quiet(alerts, world.time.us)
        assert len(quiet) == MANY
        assert turns >= MANY // 500 - 1


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_tells_nothing_twice_and_delays_nothing(hours: int) -> None:
    async with running(options=BY_NAME) as world:
        await world.report("x", ends=FOREVER)
        await world.settle()
        world.time.set_by_us += hours * 3600 * SECOND
        for _ in range(3):
            await world.passes(10)
        assert world.told == [[("x", "firing")]]
        await world.report("y", ends=FOREVER)
        await world.settle()
        assert world.told[1:] == [[("y", "firing")]]
        await world.manager.receive(
            [Report(labels={"alertname": "x"}, ends_us=world.time.now_us())]
        )
        await world.passes(10)

        assert world.told[2:] == [[("x", "resolved")]]
