"""Which old events delivery still needs, so that retention leaves them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from event_system.delivery.batches import BatchSubscription
from event_system.delivery.dispatcher import Dispatcher
from event_system.delivery.ports import CursorStore
from event_system.events.ports import Hold


class DeliveryHolds:
    """Implements `events.ports.Holds`.

    Every loaded listener counts, paused and switched-off ones too, and so does a replay of it;
    one that is no longer loaded does not, or it would keep everything for ever. `elsewhere` has
    the cursors of those that only other nodes have loaded.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: CursorStore,
        elsewhere: Callable[[], Mapping[str, Mapping[int, int]]],
    ) -> None:
        self._dispatcher = dispatcher
        self._store = store
        self._elsewhere = elsewhere

    def needed(self) -> Hold | None:
        routed = self._dispatcher.routed
        holds = [
            Hold(
                min(max(lane.cursor, routed) if lane.idle else lane.cursor for lane in lanes), name
            )
            for name, subscription in self._dispatcher.subscriptions.items()
            if (lanes := subscription.lanes.values())
        ]
        holds += [Hold(min(c.values()), name) for name, c in self._elsewhere().items()]
        for name, run in self._dispatcher.replays.by_listener.items():
            replay = run.snapshot()
            if replay.state == "running":
                holds.append(Hold(replay.offset, f"{name} (replay {replay.id})"))
        return min(holds, key=lambda hold: hold.after, default=None)

    async def held(self, first: int, last: int) -> list[int]:
        found = set(await self._store.failed_offsets(first, last))
        for subscription in self._dispatcher.subscriptions.values():
            if isinstance(subscription, BatchSubscription):
                found.update(await subscription.store.failed_offsets(first, last))
        found.update(at for _, at in self._dispatcher.failures if first <= at <= last)
        return sorted(found)
