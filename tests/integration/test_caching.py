"""The cache of a node: in listeners, at the start, told of events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from event_system import Cache, Event, listener
from event_system.events.ports import Filter
from event_system.kernel.errors import ListenerDefinitionError, RedisUnreachableError
from event_system.node.cache_settings import CacheSettings
from event_system.node.embedded import EventSystem
from event_system.node.redis_settings import RedisSettings
from event_system.testing import MemoryNode
from tests.support.redis import own_prefix, private_redis
from tests.support.waiting import PATIENCE_SECONDS

EXAMPLE = Path(__file__).parents[2] / "examples" / "caching.py"


@pytest.fixture
def example() -> Iterator[Any]:
    spec = spec_from_file_location("caching_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


async def test_the_example_looks_up_once_and_forgets_at_an_event(example: Any) -> None:
    async with MemoryNode(listeners=[example]) as node:
        assert node.cache.numbers.loads == 2  # warmed up
        joined: dict[str, Any] = {
            "type_": "player.joined",
            "subject": "Mo",
            "data": {"guild": "g1"},
        }
        receipt = await node.trigger(**joined)
        assert receipt.results[0].result == "Mo is now with Dawn"
        assert node.cache.numbers.loads == 2
        await node.trigger("guild.renamed", {"name": "Noon"}, subject="g1")
        await node.expect_handled("rename")
        receipt = await node.trigger(**joined)
        assert receipt.results[0].result == "Mo is now with Noon"


@pytest.mark.service("redis")
async def test_an_event_invalidates_by_the_settings_on_all_nodes_once_redis_is_back(
    tmp_path: Path,
) -> None:
    rules = CacheSettings(invalidate={"player.*": ["player:{subject}"]})
    source = {"p1": 1}

    async def load() -> int:
        return source["p1"]

    async def get(node: EventSystem) -> int:
        return int(await node.cache.get_or_load("p1", load, tags=["player:p1"]))

    with private_redis() as server:
        redis = RedisSettings(url=server.url, prefix=own_prefix(), timeout="2s")
        one = EventSystem(tmp_path / "one", redis=redis, cache=rules)
        other = EventSystem(tmp_path / "other", redis=redis)
        async with one, other:
            assert [await get(one), await get(other)] == [1, 1]
            server.kill()
            with pytest.raises(RedisUnreachableError):
                await one.cache.purge()
            source["p1"] = 2
            await one.trigger("player.level_up", {}, subject="p1")
            server.start()
            page = await one.history.find(Filter(), limit=1, newest_first=True, cursor=None)
            assert await one.settled(page.events[0], 60)
            assert await get(one) == 2
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await get(other) != 2:
                    await asyncio.sleep(0.01)


def test_a_listener_that_runs_in_a_thread_cannot_have_the_cache() -> None:
    @listener("a", name="blocking")
    def blocking(event: Event, cache: Cache) -> None:
        """Never called."""

    with pytest.raises(ListenerDefinitionError, match="async def"):
        MemoryNode(listeners=[blocking])


async def test_what_has_a_value_for_it_already_is_left_alone() -> None:
    seen = []

    @listener("a", name="old", mode="sync")
    def old(event: Event, cache: object = None) -> None:
        seen.append(cache)

    async with MemoryNode(listeners=[old]) as node:
        await node.trigger("a")
    assert seen == [None]
