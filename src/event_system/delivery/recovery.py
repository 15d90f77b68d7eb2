"""Before listeners start: what has failed above their cursors, and what ended the process.

An event that was in hand when the process before ended has had an attempt: whatever ended the
process may have been its handler. Events of a batch are then handled one by one, so that the
next end of the process names the one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from event_system.delivery.batches import BatchSubscription
from event_system.delivery.lane import Lane
from event_system.delivery.ports import (
    BLOCKING,
    INLINE_LANE,
    RETRYING,
    BatchStore,
    CursorStore,
    Failure,
)
from event_system.delivery.subscription import Subscription
from event_system.delivery.surroundings import Shared

OPEN_PLACES = 1024
"""For events on their way through sync listeners; more at once share one of them."""


async def take_up(
    subscriptions: Collection[Subscription],
    replaying: Mapping[str, Subscription],
    shared: Shared,
    store: CursorStore,
) -> list[int]:
    """Prepare subscriptions that have not started yet, and give them their places on the board.

    What is counted is kept before the board forgets it. `replaying` has the subscriptions of
    replays by listener. What comes back are the board's places that are nobody's.
    """
    await _know_failures(subscriptions, store)
    keys = [key for s in subscriptions for key in (*_keys(s), *_replay_keys(s))]
    claims = shared.board.claims(keys)
    for subscription in subscriptions:
        await _count(_keys(subscription), claims, subscription, shared, store)
    for child in replaying.values():
        await _count(_replay_keys(child), claims, child, shared, store)
    places = iter(shared.board.lay([*keys, *[""] * OPEN_PLACES]))
    for subscription in subscriptions:
        for lane in subscription.lanes.values():
            lane.cell = next(places)
        subscription.retry_cells = [next(places) for _ in range(subscription.retry_workers)]
        subscription.replay_cells = {number: next(places) for number in subscription.lanes}
    return list(places)


async def _count(
    keys: Mapping[str, Lane | None],
    claims: Mapping[str, list[tuple[int, int]]],
    subscription: Subscription,
    shared: Shared,
    store: CursorStore,
) -> None:
    for key in keys.keys() & claims.keys():
        for first, last in claims[key]:
            await _Claim(subscription, keys[key]).count(shared, store, first, last)


def _keys(subscription: Subscription) -> dict[str, Lane | None]:
    """The subscription's places on the board: those of its lanes, and those of its retries."""
    name = subscription.name
    lanes: dict[str, Lane | None] = {f"{name}/{n}": lane for n, lane in subscription.lanes.items()}
    return lanes | {f"{name}/retry-{n}": None for n in range(subscription.retry_workers)}


def _replay_keys(subscription: Subscription) -> dict[str, Lane | None]:
    """Places for a replay of the listener; the lanes are the replay's where it is one's."""
    name = subscription.name
    return {f"{name}/replay-{n}": lane for n, lane in subscription.lanes.items()}


async def _know_failures(subscriptions: Iterable[Subscription], store: CursorStore) -> None:
    plain = {
        s.name: s
        for s in subscriptions
        if not isinstance(s, BatchSubscription) and INLINE_LANE not in s.lanes
    }
    cursors = [lane.cursor for s in plain.values() for lane in s.lanes.values()]
    if cursors:
        for failure in await store.failures_after(min(cursors)):
            if failure.listener in plain:
                _keep(plain[failure.listener].lanes[failure.lane], failure)
    for subscription in subscriptions:
        if isinstance(subscription, BatchSubscription):
            (lane,) = subscription.lanes.values()
            for failure in await subscription.store.failures_after(lane.cursor):
                _keep(lane, failure)


def _keep(lane: Lane, failure: Failure) -> None:
    if failure.offset > lane.cursor:
        lane.failed[failure.offset] = failure


class _Claim:
    """Events that a subscription had in hand: in a lane, or, without one, as a retry."""

    def __init__(self, subscription: Subscription, lane: Lane | None) -> None:
        self._subscription = subscription
        self._lane = lane

    async def count(self, shared: Shared, store: CursorStore, first: int, last: int) -> None:
        lane, subscription = self._lane, self._subscription
        if isinstance(subscription, BatchSubscription) and last > first:
            subscription.careful = last
            return
        if lane is None:
            await self._count_retry(shared, store, first)
        elif first > lane.cursor:
            await self._count_in_lane(shared, store, lane, first)

    async def _count_retry(self, shared: Shared, store: CursorStore, offset: int) -> None:
        before = await self._failure(store, offset)
        if before is not None and before.state == RETRYING:
            await self._keep(shared, store, offset, before.attempts, parked=True)

    async def _count_in_lane(
        self, shared: Shared, store: CursorStore, lane: Lane, offset: int
    ) -> None:
        before = lane.failed.get(offset)
        if before is None or before.state == BLOCKING:
            attempts = before.attempts if before is not None else 0
            failure = await self._keep(shared, store, offset, attempts)
            if failure is not None:
                lane.failed[offset] = failure

    async def _failure(self, store: CursorStore, offset: int) -> Failure | None:
        found = await _store_of(self._subscription, store).failures_of(offset)
        return next((f for f in found if f.listener == self._subscription.name), None)

    async def _keep(
        self,
        shared: Shared,
        store: CursorStore,
        offset: int,
        attempts: int,
        *,
        parked: bool = False,
    ) -> Failure | None:
        subscription = self._subscription
        for event in await shared.log.pick([offset]):
            failure = subscription.failing.cut_off(event, attempts, parked=parked)
            if isinstance(subscription, BatchSubscription):
                await subscription.store.advance(subscription.store.cursor, failure)
            else:
                await store.save(0, [], [failure])
            return failure
        return None


def _store_of(subscription: Subscription, store: CursorStore) -> CursorStore | BatchStore:
    return subscription.store if isinstance(subscription, BatchSubscription) else store
