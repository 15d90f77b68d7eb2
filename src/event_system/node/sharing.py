"""What nodes share through a Redis server, wherever it is; nothing of it without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from event_system.cache.ports import Ears, Remote
from event_system.events.sharing import SharedLimits
from event_system.metrics.manager import MetricsManager
from event_system.node.redis_settings import RedisSettings
from event_system.redis.address import demand_client


@dataclass(frozen=True, slots=True)
class Sharing:
    """The parts of a node that a Redis server keeps. `start` before use, `close` at the end."""

    limits: SharedLimits
    cache: Remote
    listen: Callable[[Ears], Awaitable[None]]
    """Tells from now on what other nodes do to the cache."""
    is_up: Callable[[], bool]
    start: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    watch: Callable[[MetricsManager], None]
    """Registers the metrics of the server's client."""


def sharing_of(settings: RedisSettings) -> Sharing | None:
    """What the settings say; None without a server. Raises `MissingRedisError`."""
    link = settings.link()
    if link is None:
        return None
    demand_client()
    from event_system.node.redis_parts import redis_parts

    return redis_parts(link)
