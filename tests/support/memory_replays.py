"""Replays in memory: nothing is shown to anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from event_system.delivery.replays.replay import Mode, ReplayStatus
from event_system.events.ports import ListenerStatus
from event_system.kernel.clock import rfc3339, to_us
from event_system.kernel.errors import (
    ListenerNotFoundError,
    ReplayNotFoundError,
    ReplayRunningError,
    SyncListenerError,
)


class MemoryReplays:
    """Implements `http.app.ReplayControl` for listeners of these statuses.

    A time counts as the offset of its seconds.
    """

    def __init__(self, statuses: Callable[[], Sequence[ListenerStatus]]) -> None:
        self.kept: list[ReplayStatus] = []
        self._statuses = statuses

    async def start(
        self,
        listener: str,
        from_: int | datetime,
        until: int | datetime | None,
        *,
        mode: Mode,
        rate: float | None,
    ) -> ReplayStatus:
        status = next((s for s in self._statuses() if s.name == listener), None)
        if status is None:
            raise ListenerNotFoundError(f"no listener is called {listener!r}", where=listener)
        if status.mode == "sync":
            raise SyncListenerError(f"{listener!r} is a sync one", where=listener)
        if any(each.listener == listener and each.ended_at is None for each in self.kept):
            raise ReplayRunningError(f"{listener!r} has one", where=listener)
        replay = ReplayStatus(
            id=len(self.kept) + 1,
            listener=listener,
            mode=mode,
            state="running",
            from_offset=_offset(from_),
            until_offset=100 if until is None else _offset(until),
            offset=_offset(from_),
            progress=0.25,
            handled=5,
            failed=1,
            rate=12.5,
            rate_limit=rate,
            started_at=rfc3339(0),
            ended_at=None,
            estimated_end=None,
            detail=None,
        )
        self.kept.insert(0, replay)
        return replay

    async def list(self, listener: str) -> list[ReplayStatus]:
        return [each for each in self.kept if each.listener == listener]

    async def get(self, listener: str, id_: int) -> ReplayStatus:
        for each in await self.list(listener):
            if each.id == id_:
                return each
        raise ReplayNotFoundError(f"{listener!r} has no replay {id_}", where=str(id_))

    async def cancel(self, listener: str, id_: int) -> ReplayStatus:
        found = await self.get(listener, id_)
        over = msgspec.structs.replace(found, state="cancelled", ended_at=rfc3339(1))
        self.kept[self.kept.index(found)] = over
        return over


def _offset(place: int | datetime) -> int:
    return place if isinstance(place, int) else to_us(place) // 1_000_000
