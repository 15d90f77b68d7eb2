"""The parts of a node that a Redis server keeps, put together. Needs the client of Redis."""

from __future__ import annotations

from event_system.metrics.redis import watch_redis
from event_system.node.sharing import Sharing
from event_system.redis.address import LinkSettings
from event_system.redis.cache import RedisCache
from event_system.redis.limits import RedisLimits
from event_system.redis.link import Link


def redis_parts(settings: LinkSettings) -> Sharing:
    """All of them over one link; nothing is asked of the server before `start`."""
    link = Link(settings)
    limits, cache = RedisLimits(link), RedisCache(link)

    async def close() -> None:
        await limits.close()
        await cache.close()
        await link.close()

    return Sharing(
        limits=limits,
        cache=cache,
        listen=cache.start,
        is_up=lambda: link.up,
        start=link.start,
        close=close,
        watch=lambda manager: watch_redis(
            manager,
            is_up=lambda: link.up,
            operations=lambda: link.operations,
            errors=lambda: link.errors,
            connections=link.connections,
        ),
    )
