"""Listeners that are known, but no longer loaded: they keep their cursors until purged."""

from __future__ import annotations

from collections.abc import Callable, Collection

from event_system.delivery.ports import CursorStore, ListenerStore, Progress
from event_system.events.ports import ListenerStatus


class Removed:
    """What was left behind by listeners that came in an earlier run and not in this one."""

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
        self._by_name: dict[str, dict[int, int]] = {}

    async def start(self, loaded: Collection[str]) -> None:
        """Find them; called once the dispatcher has noted all listeners of this run."""
        progress = await self._cursors.load()
        for name in progress.starts.keys() - set(loaded):
            offset = await self._known.batch_cursor(name)
            lanes = _in_lanes(progress, name, self._lanes) if offset is None else {-1: offset}
            self._by_name[name] = lanes

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def statuses(self) -> list[ListenerStatus]:
        return [self._status(name, cursors) for name, cursors in self._by_name.items()]

    async def purge(self, name: str) -> None:
        """Forget one for good; if it comes back it is a new one."""
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
            state="removed",
            lag=-(-behind // max(len(cursors), 1)),
            cursors=cursors,
        )


def _in_lanes(progress: Progress, name: str, lanes: range) -> dict[int, int]:
    start = progress.starts[name]
    return {n: c.offset if (c := progress.cursors.get((name, n))) else start for n in lanes}
