"""What operators do with replays: start, look, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from event_system.delivery.dispatcher import Dispatcher
from event_system.delivery.ports import CursorStore
from event_system.delivery.replays.replay import (
    MAX_RATE,
    Mode,
    Replay,
    ReplayStatus,
    clipped,
    status_of,
)
from event_system.events.ports import Filter, History
from event_system.kernel.clock import to_us
from event_system.kernel.errors import (
    InvalidRequestError,
    ListenerNotFoundError,
    ReplayNotFoundError,
    ReplayRunningError,
    StorageError,
)

SAVE_SECONDS = 10.0
"""How long a cancelled replay may take to be saved as that."""
END = 2**62


class Gate(Protocol):
    """Which listeners may be shown the past."""

    def require_async(self, name: str) -> None:
        """Raises unless a loaded async listener has this name."""


class Replays:
    """The replays of all listeners; each has one under way at most."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: CursorStore,
        history: History,
        gate: Gate,
        now_us: Callable[[], int],
    ) -> None:
        self._dispatcher = dispatcher
        self._cursors = store
        self._store = store.replays
        self._now_us = now_us
        self._history = history
        self._gate = gate
        self._starting = asyncio.Lock()

    async def start(
        self,
        listener: str,
        from_: int | datetime,
        until: int | datetime | None = None,
        *,
        mode: Mode = "all",
        rate: float | None = None,
    ) -> ReplayStatus:
        """Show a listener stored events again, from an offset or a time of receipt on.

        `until` is the last offset, or the time before which they were received; without it the
        replay ends where the listener stands now: what follows comes by itself. `rate` is events
        per second at most. Raises `InvalidRequestError`, `ListenerNotFoundError`,
        `SyncListenerError` and `ReplayRunningError`.
        """
        if rate is not None and not 0 < rate <= MAX_RATE:
            raise InvalidRequestError(f"a rate is above 0, up to {MAX_RATE:g}", where="rate")
        self._gate.require_async(listener)
        after = await self._offset(from_, "from") - 1
        last = END if until is None else await self._last(until)
        if last <= after:
            raise InvalidRequestError(f"nothing lies between {after + 1} and {last}", where="until")
        async with self._starting:
            for kept in await self._store.unfinished():
                if kept.listener == listener:
                    raise ReplayRunningError(
                        f"replay {kept.id} of {listener!r} is under way", where=listener
                    )
            if listener not in self._dispatcher.sharing.listeners:
                await self._dispatcher.sharing.look()  # at where its cursors stand now
            replay = await self._store.add(await self._new(listener, after, last, mode, rate))
            if listener in self._dispatcher.sharing.listeners:
                await self._dispatcher.sharing.take_up([replay])
        return self._status(replay)

    async def _new(
        self, listener: str, after: int, last: int, mode: Mode, rate: float | None
    ) -> Replay:
        live = self._dispatcher.subscriptions[listener]
        ends = clipped(live.cursors(), after, last)
        return Replay(
            listener=listener,
            mode=mode,
            after=after,
            through=max(ends.values()),
            began=(await self._cursors.load()).starts[listener],
            ends=ends,
            rate=rate,
            started_us=self._now_us(),
        )

    async def _offset(self, place: int | datetime, where: str) -> int:
        """The first offset of what a moment of receipt begins, or the offset that is given."""
        if isinstance(place, datetime):
            query = Filter(since_us=to_us(place))
            page = await self._history.find(query, limit=1, newest_first=False, cursor=None)
            return page.events[0].offset if page.events else self._dispatcher.routed + 1
        if not 0 < place < END:
            raise InvalidRequestError("offsets begin with 1", where=where)
        return place

    async def _last(self, until: int | datetime) -> int:
        last = await self._offset(until, "until")
        return last - 1 if isinstance(until, datetime) else last

    # Looking

    async def list(self, listener: str) -> list[ReplayStatus]:
        """The replays of a listener, loaded or removed, the newest first."""
        return [self._status(replay) for replay in await self._store.of(listener)]

    async def get(self, listener: str, id_: int) -> ReplayStatus:
        """One of them. Raises `ReplayNotFoundError`."""
        for replay in await self._store.of(listener):
            if replay.id == id_:
                return self._status(replay)
        raise ReplayNotFoundError(f"{listener[:100]!r} has no replay {id_}", where=str(id_)[:30])

    def _status(self, kept: Replay) -> ReplayStatus:
        run = self._dispatcher.replays.by_listener.get(kept.listener)
        if run is not None and run.replay.id == kept.id:
            return run.status()
        if kept.state == "running" and kept.listener not in self._dispatcher.subscriptions:
            return status_of(kept, "waiting")
        return status_of(kept, kept.state)

    # Ending

    async def _end(self, listener: str, id_: int) -> ReplayStatus:
        """End one that is at work on another node, which sees that within a second."""
        if listener not in self._dispatcher.subscriptions:
            raise ListenerNotFoundError(f"{listener!r} is not loaded", where=listener)
        for kept in await self._store.of(listener):
            if kept.id == id_ and kept.state == "running":
                ended = msgspec.structs.replace(kept, state="cancelled", ended_us=self._now_us())
                await self._store.put(ended)
        return await self.get(listener, id_)

    async def cancel(self, listener: str, id_: int) -> ReplayStatus:
        """End a replay where it stands; nothing happens to one that has ended.

        The handler that is running may finish, for a few seconds. Raises `ReplayNotFoundError`,
        and `ListenerNotFoundError` where the listener is not loaded at present.
        """
        found = await self.get(listener, id_)
        run = self._dispatcher.replays.by_listener.get(listener)
        if run is None or run.replay.id != id_:
            return found if found.ended_at is not None else await self._end(listener, id_)
        await run.cancel()
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                await run.ended.wait()
        except TimeoutError as error:
            raise StorageError("the end of the replay could not be saved") from error
        return run.status()
