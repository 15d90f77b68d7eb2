"""The cache of a node: given to the listeners that want it, filled, told of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from event_system.cache.cache import Cache, Chance
from event_system.cache.invalidation import invalidating
from event_system.cache.warming import WarmUp, warm
from event_system.events.listener import Listener
from event_system.kernel.clock import Clock
from event_system.metrics.cache import watch_cache
from event_system.metrics.manager import MetricsManager
from event_system.node.cache_settings import CacheSettings
from event_system.node.listeners import CACHE, Found, wants_cache
from event_system.node.sharing import Sharing


class Caching:
    """A cache and what a node does with it. `start` once Redis was looked for, `close` before."""

    def __init__(
        self,
        settings: CacheSettings,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        sharing: Sharing | None,
    ) -> None:
        self._settings = settings
        self._sharing = sharing
        remote = None if sharing is None else sharing.cache
        self.cache = Cache(settings.options(), Chance(clock, random_bytes), remote)

    def given_to(self, found: Found) -> Found:
        """The same listeners with the cache, and the one that invalidates."""
        listeners = [_with_cache(listener, self.cache) for listener in found.listeners]
        if self._settings.invalidate:
            listeners.append(invalidating(self.cache, self._settings.invalidate))
        return replace(found, listeners=listeners)

    def watch(self, manager: MetricsManager) -> None:
        self.cache.observe = watch_cache(
            manager,
            numbers=lambda: self.cache.numbers,
            memory=lambda: self.cache.memory,
        )

    async def start(self) -> None:
        await self.cache.start()
        if self._sharing is not None:
            await self._sharing.listen(self.cache.ears)

    async def warm_up(self, declared: Sequence[WarmUp]) -> None:
        """Let functions fill the cache, for so long as the settings allow."""
        await warm(self.cache, declared, self._settings.warm_up.total_seconds())

    async def close(self) -> None:
        await self.cache.close()


def _with_cache(listener: Listener, cache: Cache) -> Listener:
    if not wants_cache(listener):
        return listener
    return listener.with_settings(handler=partial(listener.handler, **{CACHE: cache}))
