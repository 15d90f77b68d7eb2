"""Two nodes' caches over one server: once, fresh, and alone where it must be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from event_system.cache.cache import Cache, CacheOptions, Chance
from event_system.kernel.chance import system_random_bytes
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import RedisUnreachableError
from event_system.redis.cache import RedisCache
from event_system.redis.link import Link
from tests.support.redis import SHARED, linked, own_prefix, private_redis
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.service("redis")


class Node:
    """A cache of a node, and when it has joined the others."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.remote = RedisCache(link)
        chance = Chance(SystemClock(), system_random_bytes)
        self.cache = Cache(CacheOptions(), chance, self.remote)


@asynccontextmanager
async def nodes(url: str = SHARED, timeout: float = 5.0) -> AsyncIterator[list[Node]]:
    prefix = own_prefix()
    async with linked(url, prefix, timeout) as one, linked(url, prefix, timeout) as other:
        both = [Node(one), Node(other)]
        for node in both:
            await node.cache.start()
            await node.remote.start(node.cache.ears)
        await until(lambda: all(node.cache.attached for node in both))
        yield both
        for node in both:
            await node.cache.close()
            await node.remote.close()


class Source:
    def __init__(self, value: Any) -> None:
        self.value = value
        self.loads = 0

    async def __call__(self) -> Any:
        self.loads += 1
        value = self.value
        await asyncio.sleep(0.01)
        return value


async def test_a_hundred_tasks_on_two_nodes_load_once() -> None:
    source = Source({"name": "Mo"})
    async with nodes() as both:
        asked = [both[n % 2].cache.get_or_load("p", source, tags=["t"]) for n in range(100)]
        assert await asyncio.gather(*asked) == [{"name": "Mo"}] * 100
        assert source.loads == 1
        assert both[0].cache.numbers.remote_hits + both[1].cache.numbers.remote_hits == 1
        keys = [key async for key in both[0].link.client.scan_iter(f"{both[0].link.key()}*")]
        kinds = sorted(key.split(b":")[2] for key in keys if b":cache:" in key)
        assert kinds == [b"entry", b"tag", b"tag"]  # no lock is left
        assert [key for key in keys if await both[0].link.client.ttl(key) < 0] == []


async def test_an_invalidation_reaches_the_memory_of_another_node() -> None:
    source = Source(1)
    async with nodes() as both:
        for node in both:
            assert await node.cache.get_or_load("a", source, tags=["t"]) == 1
        source.value = 2
        await both[0].cache.invalidate("t")
        await until(lambda: not len(both[1].cache.memory))
        for node in reversed(both):
            assert await node.cache.get_or_load("a", source, tags=["t"]) == 2
        assert source.loads == 2


async def test_a_node_that_dies_while_it_loads_keeps_others_waiting_for_seconds_only() -> None:
    async with nodes() as both:
        assert await both[0].remote.lock("a", b"dead", 0.3)
        assert await both[1].cache.get_or_load("a", Source(1)) == 1
        await both[0].remote.unlock("a", b"somebody else")


async def test_without_the_server_nodes_go_on_and_begin_anew_when_it_is_back() -> None:
    with private_redis() as server:
        async with nodes(server.url) as both:
            source = Source(1)
            for node in both:
                await node.cache.get_or_load("a", source, tags=["t"])
            server.kill()
            with pytest.raises(RedisUnreachableError):
                await both[0].cache.invalidate("t")
            assert not both[0].cache.attached
            await until(lambda: not any(node.cache.attached for node in both))
            source.value = 2
            assert await both[0].cache.get_or_load("a", source, tags=["t"]) == 2
            assert await both[1].cache.get_or_load("a", source, tags=["t"]) == 1  # for seconds
            server.start()
            await until(lambda: all(node.cache.attached for node in both))
            assert await both[1].cache.get_or_load("a", source, tags=["t"]) == 2


async def test_a_server_that_hangs_costs_one_timeout_and_is_noticed() -> None:
    with private_redis() as server:
        async with nodes(server.url, timeout=0.3) as both:
            server.freeze()
            mine = both[0].cache
            asked = [mine.get_or_load(str(n), Source(n)) for n in range(20)]
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await asyncio.gather(*asked) == list(range(20))
            await until(lambda: not mine.attached)
            server.thaw()
            await until(lambda: mine.attached)
            assert len(mine.memory) == 0


async def test_what_was_kept_before_a_tag_was_lost_is_not_found_again() -> None:
    source = Source(1)
    async with nodes() as both:
        await both[0].cache.get_or_load("a", source, tags=["t"])
        await both[0].cache.invalidate("t")
        await both[0].link.client.delete(both[0].link.key("cache", "tag", "t"))
        source.value = 2
        assert await both[1].cache.get_or_load("a", source, tags=["t"]) == 2
