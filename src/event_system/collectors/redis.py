"""Redis and Valkey: what INFO says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from event_system.collectors.ports import Sample

PREFIX: Final = "redis_server_"
FIGURES: Final = {
    "uptime_in_seconds": "uptime_seconds",
    "used_memory": "memory_used_bytes",
    "used_memory_rss": "memory_rss_bytes",
    "keyspace_hits": "hits_total",
    "keyspace_misses": "misses_total",
    "expired_keys": "expired_total",
    "evicted_keys": "evicted_total",
    "connected_clients": "connections",
    "maxclients": "connections_max",
    "rejected_connections": "connections_refused_total",
    "blocked_clients": "clients_blocked",
    "total_commands_processed": "commands_total",
    "total_net_input_bytes": "received_bytes_total",
    "total_net_output_bytes": "sent_bytes_total",
    "connected_slaves": "replicas",
}
"""Lines of INFO, and the figures that they are."""
MAX_DATABASES: Final = 64
_log = logging.getLogger(__name__)


class RedisReader:
    """Implements `Reader` with one connection that stays open."""

    def __init__(self, url: str, *, timeout: float, monotonic: Callable[[], float]) -> None:
        self._client: Redis = Redis.from_url(
            url,
            max_connections=1,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._monotonic = monotonic
        self._was_refused = False

    async def read(self) -> list[Sample]:
        found = list(told(await self._info()))
        began = self._monotonic()
        await self._client.ping()
        return [*found, Sample(f"{PREFIX}response_seconds", self._monotonic() - began)]

    async def _info(self) -> Mapping[str, Any]:
        """Nothing where the user may not ask."""
        try:
            found: Mapping[str, Any] = await self._client.info()
        except ResponseError as error:
            if not self._was_refused:
                self._was_refused = True
                _log.info("the Redis server does not tell all: %s", str(error)[:200])
            return {}
        return found

    def abort(self) -> None:
        """Nothing to do: the client drops the connection of a call that fails or is cancelled."""

    async def close(self) -> None:
        await self._client.aclose()


def told(info: Mapping[str, Any]) -> Iterator[Sample]:
    """The figures of an INFO; what a server of this version does not say is left out."""
    for line, figure in FIGURES.items():
        if isinstance(value := info.get(line), int | float):
            yield Sample(PREFIX + figure, value)
    most = info.get("maxmemory") or info.get("total_system_memory")
    if isinstance(most, int | float):
        yield Sample(f"{PREFIX}memory_max_bytes", most)
    databases = [name for name in info if name[:2] == "db" and name[2:].isdecimal()]
    for name in databases[:MAX_DATABASES]:
        keys = info[name]
        if isinstance(keys, Mapping):
            yield Sample(f"{PREFIX}keys", float(keys.get("keys", 0)), (name[2:],))
            yield Sample(f"{PREFIX}keys_expiring", float(keys.get("expires", 0)), (name[2:],))
