"""What operators and senders see of listeners and deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from event_system.delivery.batches import BatchSubscription
from event_system.delivery.dispatcher import Dispatcher
from event_system.delivery.pauses import Pauses
from event_system.delivery.ports import DEAD, Counts, CursorStore, Failure
from event_system.delivery.removed import Removed
from event_system.delivery.statistics import Statistics
from event_system.delivery.subscription import Subscription
from event_system.delivery.sync import SyncRunner
from event_system.events.event import Event
from event_system.events.ports import Delivery, ListenerStatus
from event_system.events.registry import Registered, Registry
from event_system.kernel.clock import rfc3339

POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Away:
    """Listeners that do not work at present, by an operator's will."""

    pauses: Pauses
    removed: Removed


class DeliveryView:
    """Implements `events.ports.Deliveries`."""

    def __init__(
        self,
        registry: Callable[[], Registry],
        dispatcher: Dispatcher,
        sync: SyncRunner,
        store: CursorStore,
        broken: dict[str, str],
        away: Away,
    ) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._sync = sync
        self._store = store
        self._broken = broken
        self._away = away

    def listeners(self) -> list[ListenerStatus]:
        loaded = {name: s.entry for name, s in self._dispatcher.subscriptions.items()}
        known = [self._status(e) for e in {**loaded, **self._registry().by_name}.values()]
        absent = [_absent(name, error) for name, error in self._broken.items()]
        removed = self._away.removed.statuses()
        return sorted([*known, *absent, *removed], key=lambda status: status.name)

    def _status(self, entry: Registered) -> ListenerStatus:
        listener = entry.listener
        subscription = self._dispatcher.subscriptions.get(listener.name)
        statistics = self._statistics(listener.name, subscription)
        rate, error_rate = statistics.rates()
        counts = self._dispatcher.failure_counts().get(listener.name, Counts())
        until_us = self._away.pauses.until_us.get(listener.name)
        return ListenerStatus(
            name=listener.name,
            patterns=listener.patterns,
            mode=listener.mode,
            priority=listener.priority,
            filter=listener.filter,
            timeout=listener.timeout,
            batch=listener.batch,
            state=self._state(listener.name, subscription),
            handled=statistics.handled,
            errors=statistics.errors,
            rate=round(rate, 3),
            error_rate=round(error_rate, 3),
            lag=subscription.lag() if subscription is not None else 0,
            cursors=self._cursors(subscription),
            last_error=statistics.last_error,
            retrying=counts.retrying,
            dead=counts.dead,
            paused_until=None if until_us is None else rfc3339(until_us),
        )

    def _state(self, name: str, subscription: Subscription | None) -> str:
        if subscription is None or not subscription.paused:
            return "running"
        return "paused" if name in self._away.pauses.until_us else "stopped"

    def _statistics(self, name: str, subscription: Subscription | None) -> Statistics:
        if subscription is not None:
            return subscription.statistics
        return self._sync.statistics.get(name) or Statistics()

    def _cursors(self, subscription: Subscription | None) -> dict[int, int]:
        if subscription is None:
            return {}
        routed = self._dispatcher.routed
        return {
            number: max(lane.cursor, routed) if lane.idle else lane.cursor
            for number, lane in subscription.lanes.items()
        }

    async def of(self, event: Event) -> list[Delivery]:
        failures = {f.listener: f for f in await self._failures(event)}
        found = []
        for name, entry in sorted(self._registry().by_name.items()):
            route = self._registry().route(event.type)
            if entry in route.sync or entry in route.deferred:
                found.append(self._delivery(name, entry, event, failures.pop(name, None)))
        return found + [_failed(f, "async") for f in failures.values()]

    async def _failures(self, event: Event) -> list[Failure]:
        offset = event.offset
        found = {f.listener: f for f in await self._store.failures_of(offset)}
        for entry in self._registry().route(event.type).deferred:
            subscription = self._dispatcher.subscriptions.get(entry.listener.name)
            if isinstance(subscription, BatchSubscription):
                for failure in await subscription.store.failures_of(offset):
                    found[failure.listener] = failure
        for (listener, at), unsaved in self._dispatcher.failures.items():
            if at == offset:
                found.pop(listener, None)
                found |= {} if unsaved is None else {listener: unsaved}
        return list(found.values())

    def _delivery(
        self, name: str, entry: Registered, event: Event, failure: Failure | None
    ) -> Delivery:
        mode = entry.listener.mode
        if failure is not None:
            return _failed(failure, mode)
        if entry.condition is not None and not entry.condition(event):
            return Delivery(name, mode, "skipped")
        return Delivery(name, mode, "pending" if self._is_pending(name, event) else "handled")

    def _is_pending(self, name: str, event: Event) -> bool:
        subscription = self._dispatcher.subscriptions.get(name)
        if subscription is None:
            return False
        lane = subscription.lane_of(event)
        return event.offset > lane.cursor and not (
            lane.idle and event.offset <= self._dispatcher.routed
        )

    async def settled(self, event: Event, timeout: float) -> bool:
        """Polled every 2 ms: it serves a person's self-test, and costs the hot path nothing."""
        try:
            async with asyncio.timeout(timeout):
                while self._any_pending(event):  # noqa: ASYNC110 - see above
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            return False
        return True

    def _any_pending(self, event: Event) -> bool:
        deferred = self._registry().route(event.type).deferred
        return any(self._is_pending(entry.listener.name, event) for entry in deferred)


def _failed(failure: Failure, mode: str) -> Delivery:
    dead = failure.state == DEAD
    return Delivery(
        listener=failure.listener,
        mode=mode,
        state="dead" if dead else "retrying",
        error=failure.error,
        attempts=failure.attempts,
        at=rfc3339(failure.last_us),
        due=None if dead else rfc3339(failure.at_us),
    )


def _absent(name: str, error: str) -> ListenerStatus:
    return ListenerStatus(
        name=name,
        patterns=(),
        mode="",
        priority=0,
        filter=None,
        timeout=0,
        batch=0,
        state="failed",
        last_error=error,
    )
