"""What operators do with listeners: pause, resume, purge."""

from __future__ import annotations

from collections.abc import Callable

from event_system.delivery.dispatcher import Dispatcher
from event_system.delivery.pauses import Pauses
from event_system.delivery.removed import Removed
from event_system.events.registry import Registry
from event_system.kernel.errors import (
    ListenerLoadedError,
    ListenerNotFoundError,
    SyncListenerError,
)


class Control:
    """Implements `events.ports.ListenerControl`."""

    def __init__(
        self,
        registry: Callable[[], Registry],
        dispatcher: Dispatcher,
        pauses: Pauses,
        removed: Removed,
    ) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._pauses = pauses
        self._removed = removed

    async def pause(self, name: str, until_us: int) -> None:
        self.require_async(name)
        await self._pauses.pause(name, until_us)

    async def resume(self, name: str) -> None:
        self.require_async(name)
        await self._pauses.resume(name)

    async def purge(self, name: str) -> None:
        if name not in self._removed:
            if name in self._dispatcher.subscriptions or name in self._registry().by_name:
                raise ListenerLoadedError(f"{name!r} is loaded", where=name)
            raise _unknown(name)
        await self._removed.purge(name)
        await self._pauses.resume(name)

    def require_async(self, name: str) -> None:
        """Raises unless a loaded async listener has this name."""
        if name in self._dispatcher.subscriptions:
            return
        if name in self._registry().by_name:
            raise SyncListenerError(f"{name!r} runs before the sender's answer", where=name)
        raise _unknown(name)


def _unknown(name: str) -> ListenerNotFoundError:
    return ListenerNotFoundError(f"no listener is called {name[:100]!r}", where=name[:100])
