"""Before listeners start: what has failed above their cursors, and what ended the process.

An event that was in hand when the process before ended has had an attempt: whatever ended the
process may have been its handler. Events of a batch are then handled one by one, so that the
next end of the process names the one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

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
from event_system.delivery.share import Share
from event_system.delivery.subscription import Subscription
from event_system.delivery.surroundings import Shared

Claims: TypeAlias = Mapping[str, Sequence[tuple[int, int]]]
"""First and last offsets in hand, by the keys of places."""

OPEN_PLACES = 1024
"""For events on their way through sync listeners; more at once share one of them."""


async def take_up(
    subscriptions: Collection[Subscription],
    replaying: Mapping[str, Subscription],
    shared: Shared,
    store: CursorStore,
    left: Share,
) -> list[int]:
    """Prepare subscriptions that have not started yet, and give them their places on the board.

    Of what the process before had in hand, that is counted which it has `left` to this one, and
    kept before the board forgets it. `replaying` has the subscriptions of replays by listener.
    What comes back are the board's places that are nobody's.
    """
    await know_failures({s: s.within(left) for s in subscriptions}, store)
    keys = [key for s in subscriptions for key in (*_keys(s), *_replay_keys(s))]
    claims = shared.board.claims(keys)
    await count_left(subscriptions, replaying, shared, store, left, claims)
    places = iter(shared.board.lay([*keys, *[""] * OPEN_PLACES]))
    for subscription in subscriptions:
        for lane in subscription.lanes.values():
            lane.cell = next(places)
        subscription.retry_cells = [next(places) for _ in range(subscription.retry_workers)]
        subscription.replay_cells = {number: next(places) for number in subscription.lanes}
    return list(places)


async def count_left(
    subscriptions: Collection[Subscription],
    replaying: Mapping[str, Subscription],
    shared: Shared,
    store: CursorStore,
    share: Share,
    claims: Claims,
) -> None:
    """Count what whoever had a share before had in hand: these claims, and what it has shown."""
    places = [(s, _keys_in(s, share)) for s in subscriptions]
    places += [(s, _replay_keys(s)) for name, s in replaying.items() if name in share.listeners]
    shown = await shared.board.shown([key for _, keys in places for key in keys])
    for subscription, keys in places:
        for key, lane in keys.items():
            for first, last in _in_hand(claims.get(key, ()), shown.get(key)):
                await _Claim(subscription, lane).count(shared, store, first, last)
    await shared.board.forget(shown)


def _in_hand(claims: Iterable[tuple[int, int]], shown: int | None) -> set[tuple[int, int]]:
    """First and last offsets: what is claimed and shown was in hand once."""
    ranges = {(first, max(first, last)) for first, last in claims}
    return ranges | {(shown, shown)} if shown else ranges


def _keys(subscription: Subscription) -> dict[str, Lane | None]:
    """The subscription's places on the board: those of its lanes, and those of its retries."""
    return _lane_keys(subscription, subscription.lanes.values()) | _retry_keys(subscription)


def _keys_in(subscription: Subscription, share: Share) -> dict[str, Lane | None]:
    """Those of a share; what a sync listener has in hand is always its own node's."""
    inline = INLINE_LANE in subscription.lanes
    lanes = subscription.lanes.values() if inline else subscription.within(share)
    retries = _retry_keys(subscription) if subscription.name in share.listeners else {}
    return _lane_keys(subscription, lanes) | retries


def _lane_keys(subscription: Subscription, lanes: Iterable[Lane]) -> dict[str, Lane | None]:
    return {f"{subscription.name}/{lane.number}": lane for lane in lanes}


def _retry_keys(subscription: Subscription) -> dict[str, Lane | None]:
    count = subscription.retry_workers
    return {f"{subscription.name}/retry-{n}": None for n in range(count)}


def _replay_keys(subscription: Subscription) -> dict[str, Lane | None]:
    """Places for a replay of the listener; the lanes are the replay's where it is one's."""
    name = subscription.name
    return {f"{name}/replay-{n}": lane for n, lane in subscription.lanes.items()}


async def know_failures(lanes: Mapping[Subscription, Collection[Lane]], store: CursorStore) -> None:
    """Let lanes, which are those of their subscriptions, know what has failed above their cursors."""
    plain: dict[tuple[str, int], Lane] = {}
    for subscription, mine in lanes.items():
        if isinstance(subscription, BatchSubscription):
            for lane in mine:
                for failure in await subscription.store.failures_after(lane.cursor):
                    _keep(lane, failure)
        else:
            plain |= {(subscription.name, lane.number): lane for lane in mine}
    if plain:
        for failure in await store.failures_after(min(lane.cursor for lane in plain.values())):
            if (key := (failure.listener, failure.lane)) in plain:
                _keep(plain[key], failure)


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
