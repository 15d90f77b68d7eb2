"""The cache's second level in memory, for several caches of one test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from event_system.cache.cache import Cache
from event_system.cache.ports import Found
from event_system.kernel.errors import RedisUnreachableError


class MemoryRemote:
    """Implements `Remote`. While it is not `usable` all calls fail; `told` caches hear of bumps."""

    def __init__(self) -> None:
        self.usable = True
        self.told: list[Cache] = []
        self.bodies: dict[str, tuple[bytes, float]] = {}
        self.versions: dict[str, bytes] = {}
        self.locks: dict[str, bytes] = {}
        self._fresh = count()

    def join(self, cache: Cache) -> None:
        self.told.append(cache)
        cache.ears.joined()

    def _check(self) -> None:
        if not self.usable:
            raise RedisUnreachableError

    def _version(self) -> bytes:
        return b"%d" % next(self._fresh)

    async def read(self, key: str, tags: Sequence[str]) -> Found:
        self._check()
        body, seconds = self.bodies.get(key, (None, 0.0))
        versions = tuple(self.versions.setdefault(tag, self._version()) for tag in tags)
        return Found(body, seconds, versions)

    async def write(self, key: str, body: bytes, seconds: float) -> None:
        self._check()
        self.bodies[key] = body, seconds

    async def bump(self, tags: Sequence[str]) -> None:
        self._check()
        self.versions.update((tag, self._version()) for tag in tags)
        for cache in self.told:
            cache.ears.heard(tags)

    async def lock(self, key: str, owner: bytes, seconds: float) -> bool:
        self._check()
        return self.locks.setdefault(key, owner) == owner

    async def unlock(self, key: str, owner: bytes) -> None:
        self._check()
        if self.locks.get(key) == owner:
            del self.locks[key]
