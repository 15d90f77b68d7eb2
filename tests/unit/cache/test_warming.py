from __future__ import annotations

import asyncio
from types import ModuleType

import pytest

from event_system.cache.cache import Cache, CacheOptions, Chance
from event_system.cache.warming import WarmUp, warm, warm_up, warm_ups_of
from event_system.testing.clock import ManualClock


def cache() -> Cache:
    return Cache(CacheOptions(), Chance(ManualClock(), bytes))


async def five() -> int:
    return 5


@warm_up("numbers")
async def numbers(cache: Cache) -> None:
    await cache.get_or_load("five", five)


async def test_a_warm_up_fills_the_cache() -> None:
    mine = cache()
    await warm(mine, warm_ups_of(numbers), 5)

    assert len(mine.memory) == 1


async def test_one_that_fails_or_takes_too_long_is_told_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(cache: Cache) -> None:
        raise LookupError("no players")

    async def hang(cache: Cache) -> None:
        await asyncio.Event().wait()

    mine = cache()
    await warm(mine, [WarmUp("bad", fail), WarmUp("slow", hang), *warm_ups_of(numbers)], 0.05)

    assert len(mine.memory) == 1
    assert "the warm-up bad failed" in caplog.text
    assert "the warm-up slow is not done after 0.05 s" in caplog.text


def test_a_module_has_those_of_its_members() -> None:
    module = ModuleType("m")
    vars(module).update(numbers=numbers, again=numbers, other=five)

    assert [found.name for found in warm_ups_of(module)] == ["numbers"]
    assert warm_ups_of(five) == []
