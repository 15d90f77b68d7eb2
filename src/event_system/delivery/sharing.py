"""What of all delivery this process has, and how that comes and goes while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from event_system.delivery.batches import BatchSubscription, retries_of
from event_system.delivery.lane import Lane
from event_system.delivery.ports import CursorStore, Progress
from event_system.delivery.recovery import count_left, know_failures
from event_system.delivery.replays.replay import Replay
from event_system.delivery.replays.running import Running
from event_system.delivery.retries import Retries
from event_system.delivery.saving import Saver
from event_system.delivery.share import NOTHING, Share
from event_system.delivery.subscription import Subscription
from event_system.delivery.surroundings import Shared
from event_system.kernel.errors import DatabaseBusyError


class Sharing:
    """Lets a part of the subscriptions work; others have the rest.

    `listeners` are those of which this process has what knows no lanes.
    """

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        shared: Shared,
        store: CursorStore,
        retries: Retries,
        replays: Running,
        saver: Saver,
    ) -> None:
        self.listeners: set[str] = set()
        self._subscriptions = subscriptions
        self._inline: Mapping[str, Subscription] = {}
        self._shared = shared
        self._store = store
        self._retries = retries
        self._replays = replays
        self._saver = saver

    # Coming

    async def unfinished(self, share: Share) -> list[Replay]:
        """The replays that belong to a share."""
        return [r for r in await self._store.replays.unfinished() if r.listener in share.listeners]

    def begin(self, share: Share, inline: Mapping[str, Subscription]) -> None:
        """Have the first part: all is prepared. `inline` stand for the sync listeners."""
        self._inline = inline
        self._begin(share, NOTHING)

    async def take(self, share: Share, forsaken: Share = NOTHING) -> None:
        """Have more, from where the cursors stand now.

        Nobody else has it, nor does this process. Of the forsaken part somebody had it who has
        ended, perhaps of an event: there the first ones are handled with care. Raises what the
        store raises, and has no more then than before.
        """
        progress = await self._store.load()
        for subscription in self._subscriptions.values():
            for lane in subscription.within(share):
                cursor = await self._cursor(progress, subscription, lane.number)
                subscription.renew(lane.number, cursor)
        lanes = {s: s.within(share) for s in self._subscriptions.values()}
        await know_failures(lanes, self._store)
        await self._replays.take_up(await self.unfinished(share), self._subscriptions)
        everyone = [*self._subscriptions.values(), *self._inline.values()]
        replaying = self._replays.subscriptions()
        await count_left(everyone, replaying, self._shared, self._store, share, {})
        self._begin(share, forsaken)

    async def _cursor(self, progress: Progress, subscription: Subscription, lane: int) -> int:
        if isinstance(subscription, BatchSubscription):
            return await subscription.store.refresh()
        return progress.cursor(subscription.name, lane)

    def _begin(self, share: Share, forsaken: Share) -> None:
        for subscription in self._subscriptions.values():
            subscription.beware(subscription.within(forsaken))
            subscription.take(subscription.within(share))
        everyone = {**self._subscriptions, **self._inline}
        mine = [everyone[name] for name in sorted(share.listeners)]
        self._replays.start(share.listeners, forsaken.listeners)
        pairs = [(each, retries_of(each, self._store)) for each in mine]
        self._retries.start(pairs, forsaken.listeners)
        self.listeners |= share.listeners

    # Going

    async def release(self, share: Share, grace_seconds: float) -> None:
        """Give up a part: others go on with it from the store.

        What is in hand may end within the grace. Raises what the store raises; then what came of
        it is not saved yet, and this may be called again.
        """
        self.listeners -= share.listeners
        await asyncio.gather(
            *(s.release(s.within(share), grace_seconds) for s in self._subscriptions.values()),
            self._retries.stop(share.listeners, grace_seconds),
            self._replays.stop(share.listeners, grace_seconds),
        )
        for subscription in self._subscriptions.values():
            if isinstance(subscription, BatchSubscription) and subscription.within(share):
                await subscription.save()
        await self._saver.save()
        self._replays.forget(share.listeners)

    async def abandon(self) -> None:
        """Give up everything at once: others may begin with it in a moment.

        What came of it and is not saved yet is forgotten. Handlers are cancelled; what one does
        that goes on counts for nobody.
        """
        listeners, self.listeners = self.listeners, set()
        await asyncio.gather(
            *(s.release(s.at_work(), 0.0) for s in self._subscriptions.values()),
            self._retries.abandon(),
            self._replays.stop(listeners, 0.0),
        )
        self._replays.forget([*self._replays.by_listener])
        await self._saver.forget()

    async def take_up(self, replays: Sequence[Replay]) -> None:
        """Begin with replays of listeners that are held."""
        for run in await self._replays.take_up(replays, self._subscriptions):
            run.start()

    # Looking at what others have

    async def look(self) -> Progress:
        """Learn where the cursors stand that others move, and which replays others asked for."""
        await self._look_for_replays()
        progress = await self._store.load()
        for subscription in self._subscriptions.values():
            for lane in subscription.lanes.values():
                if not lane.held and lane.worker is None:
                    await self._look_at(subscription, lane, progress)
        return progress

    async def _look_at(self, subscription: Subscription, lane: Lane, progress: Progress) -> None:
        try:
            cursor = await self._cursor(progress, subscription, lane.number)
        except DatabaseBusyError:
            return  # a batch that was given up has not ended yet
        if not lane.held:
            lane.cursor = lane.seen = cursor

    async def _look_for_replays(self) -> None:
        before = list(self._replays.by_listener.values())
        kept = await self._store.replays.unfinished()
        marks = {replay.mark for replay in kept}
        await self.take_up([r for r in kept if r.listener in self.listeners])
        for run in before:
            if run.replay.mark not in marks and run.replay.state == "running":
                await run.cancel()
