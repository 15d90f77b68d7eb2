"""Listeners that are known, but not loaded here: they keep their cursors until purged."""

from __future__ import annotations

from collections.abc import Callable, Collection

from event_system.delivery.ports import CursorStore, ListenerStore, Progress
from event_system.events.ports import ListenerStatus
from event_system.kernel.errors import ListenerLoadedError


class Removed:
    """What is kept of listeners that this process does not have.

    They came in an earlier run and not in this one, or it is other nodes that work for them:
    `elsewhere`. For those that are `unserved` no live node works, this one included.
    """

    def __init__(
        self,
        cursors: CursorStore,
        known: ListenerStore,
        routed: Callable[[], int],
        lanes: int,
    ) -> None:
        self._cursors = cursors
        self._known = known
        self._routed = routed
        self._lanes = range(lanes)
        self.elsewhere: frozenset[str] = frozenset()
        self.unserved: frozenset[str] = frozenset()
        self._by_name: dict[str, dict[int, int]] = {}
        self._loaded: frozenset[str] = frozenset()
        self._following: frozenset[str] = frozenset()

    async def start(self, loaded: Collection[str], following: Collection[str]) -> None:
        """Find them; called once the dispatcher has noted all listeners of this run.

        `following` are those of the loaded ones that follow the log.
        """
        self._loaded, self._following = frozenset(loaded), frozenset(following)
        await self._find(await self._cursors.load())

    async def _find(self, progress: Progress) -> None:
        found = {}
        for name in progress.starts.keys() - self._loaded:
            offset = await self._known.batch_cursor(name)
            found[name] = _in_lanes(progress, name, self._lanes) if offset is None else {-1: offset}
        self._by_name = found

    async def look(self, progress: Progress, served: Collection[str]) -> None:
        """Find them anew; `served` are those that live nodes work for."""
        await self._find(progress)
        self.elsewhere = frozenset(served) & self._by_name.keys()
        self.unserved = frozenset(self._following | self._by_name.keys()) - frozenset(served)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def cursors_elsewhere(self) -> dict[str, dict[int, int]]:
        """Where those stand that other nodes work for."""
        return {name: self._by_name[name] for name in self.elsewhere}

    def statuses(self) -> list[ListenerStatus]:
        return [self._status(name, cursors) for name, cursors in self._by_name.items()]

    async def purge(self, name: str) -> None:
        """Forget one for good; if it comes back it is a new one. Raises `ListenerLoadedError`."""
        if name in self.elsewhere:
            raise ListenerLoadedError(f"{name!r} is loaded by another node", where=name)
        await self._known.purge(name)
        self._by_name.pop(name, None)

    def _status(self, name: str, cursors: dict[int, int]) -> ListenerStatus:
        behind = sum(max(self._routed() - cursor, 0) for cursor in cursors.values())
        return ListenerStatus(
            name=name,
            patterns=(),
            mode="async",
            priority=0,
            filter=None,
            timeout=0,
            batch=0,
            state="elsewhere" if name in self.elsewhere else "removed",
            lag=-(-behind // max(len(cursors), 1)),
            cursors=cursors,
        )


def _in_lanes(progress: Progress, name: str, lanes: range) -> dict[int, int]:
    start = progress.starts[name]
    return {n: c.offset if (c := progress.cursors.get((name, n))) else start for n in lanes}
