"""What operators and senders see of listeners and deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from event_system.delivery.dispatcher import Dispatcher
from event_system.delivery.failed import FailedDeliveries
from event_system.delivery.pauses import Pauses
from event_system.delivery.ports import DEAD, Counts, Failure
from event_system.delivery.removed import Removed
from event_system.delivery.search import DeliverySearch, Paging
from event_system.delivery.standing import Standing
from event_system.delivery.statistics import Statistics
from event_system.delivery.subscription import Subscription
from event_system.delivery.sync import SyncRunner
from event_system.events.event import Event
from event_system.events.ports import Delivery, DeliveryFilter, Filter, ListenerStatus, Page
from event_system.events.registry import Registered, Registry
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import ListenerNotFoundError

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
        search: DeliverySearch,
        broken: dict[str, str],
        away: Away,
    ) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._sync = sync
        self._search = search
        self._failures = FailedDeliveries(dispatcher)
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
            cursors={} if subscription is None else subscription.cursors(),
            last_error=statistics.last_error,
            retrying=counts.retrying,
            dead=counts.dead,
            paused_until=None if until_us is None else rfc3339(until_us),
        )

    def _state(self, name: str, subscription: Subscription | None) -> str:
        if name in self._away.removed.unserved:
            return "unserved"
        if subscription is None or not subscription.paused:
            return "running"
        return "paused" if name in self._away.pauses.until_us else "stopped"

    def _statistics(self, name: str, subscription: Subscription | None) -> Statistics:
        if subscription is not None:
            return subscription.statistics
        return self._sync.statistics.get(name) or Statistics()

    async def of(self, event: Event) -> list[Delivery]:
        failures = await self._failures.of(event.offset)
        found = []
        for name, entry in sorted(self._registry().by_name.items()):
            route = self._registry().route(event.type)
            if entry in route.sync or entry in route.deferred:
                found.append(self._delivery(name, entry, event, failures.pop(name, None)))
        others = [_failed(failure, "async") for failure in failures.values()]
        return sorted([*found, *others], key=lambda delivery: delivery.listener)

    def _delivery(
        self, name: str, entry: Registered, event: Event, failure: Failure | None
    ) -> Delivery:
        mode = entry.listener.mode
        if failure is not None:
            return self._replayed(_failed(failure, mode), event)
        subscription = self._dispatcher.subscriptions.get(name)
        standing = Standing(entry, {} if subscription is None else subscription.cursors())
        return self._replayed(Delivery(name, mode, standing.status(event)), event)

    def _replayed(self, delivery: Delivery, event: Event) -> Delivery:
        """With the replay that has the event still before it, if there is one."""
        run = self._dispatcher.replays.by_listener.get(delivery.listener)
        if run is None or not run.awaits(event, delivery.state):
            return delivery
        return msgspec.structs.replace(delivery, replay=run.replay.id)

    async def find(
        self,
        query: Filter,
        wanted: DeliveryFilter,
        *,
        limit: int,
        newest_first: bool,
        cursor: int | None,
    ) -> Page:
        name = wanted.listener
        if name is not None and not self._is_known(name):
            raise ListenerNotFoundError(f"no listener is called {name[:100]!r}", where="listener")
        return await self._search.find(query, wanted, Paging(limit, newest_first, cursor))

    def _is_known(self, name: str) -> bool:
        """Whether there is or was such a listener, and something is known of its deliveries."""
        return any(
            name in known
            for known in (
                self._registry().by_name,
                self._dispatcher.subscriptions,
                self._away.removed,
                self._dispatcher.failure_counts(),
            )
        )

    def _is_pending(self, name: str, event: Event) -> bool:
        subscription = self._dispatcher.subscriptions.get(name)
        return subscription is not None and event.offset > subscription.lane_of(event).complete(
            self._dispatcher.routed
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
