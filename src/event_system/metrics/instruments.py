"""The event core's metrics at work: what happened goes in, rates and gauges come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from event_system.events.ports import Commit
from event_system.metrics.children import CounterChild, HistogramChild
from event_system.metrics.families import Labels
from event_system.metrics.handles import (
    business_handles,
    event_handles,
    http_handles,
    listener_handles,
    queue_handles,
)
from event_system.metrics.manager import MetricsManager
from event_system.metrics.rates import FailureShare, Growth, RateWindow

MINUTE = 60
SHARE_SECONDS = 300
LISTENER_BUCKET_SECONDS = 10
"""1,000 listeners keep a window each; coarse ones take a tenth of the memory."""

_type_of = itemgetter(5)  # the column `type` of `events.event.Row`


class Observation(Protocol):
    """Finished calls of one listener, in seconds; `ages` count from the events' receipt."""

    @property
    def listener(self) -> str: ...
    @property
    def durations(self) -> Sequence[float]: ...
    @property
    def ages(self) -> Sequence[float]: ...
    @property
    def errors(self) -> int: ...


class Backlog(Protocol):
    """How an async listener stands: events in its channels, full channels, events not handled."""

    @property
    def name(self) -> str: ...
    @property
    def queued(self) -> int: ...
    @property
    def full_lanes(self) -> int: ...
    def lag(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    seconds: HistogramChild
    errors: CounterChild
    share: FailureShare


class EventMetrics:
    """Counts what the event core does. Rates are renewed by `refresh`, about once a second."""

    def __init__(self, manager: MetricsManager) -> None:
        self.events = event_handles(manager)
        self.queue = queue_handles(manager)
        self.http = http_handles(manager)
        self._listener_handles = listener_handles(manager)
        self._listeners: dict[str, _Listener] = {}
        self._seen: set[_Listener] = set()
        self._calls = FailureShare(SHARE_SECONDS)
        self._ages = Growth(MINUTE)
        self._age_count = Growth(MINUTE)
        self._stored = 0
        self._rate = Growth(MINUTE)
        self._business = {
            type_: (handles, Growth(MINUTE)) for type_, handles in business_handles(manager).items()
        }
        self._full = RateWindow(MINUTE)
        self._full_before = 0.0
        self._answers: Counter[tuple[bytes, int]] = Counter()
        self._backlogs: Callable[[], Iterable[Backlog]] = tuple
        self._now = 0.0
        self.events.success_percent.set(100)
        self._register_functions(manager)

    def _register_functions(self, manager: MetricsManager) -> None:
        manager.register_gauge_function(
            "async_queue_length",
            "Events in the channels of all async listeners.",
            lambda: sum(backlog.queued for backlog in self._backlogs()),
        )
        manager.register_gauge_function(
            "async_queue_full", "Channels that are full now.", self._full_channels
        )
        manager.register_labelled_gauge_function(
            "listener_lag",
            "Events that an async listener has not handled yet.",
            ("listener",),
            lambda: {(backlog.name,): backlog.lag() for backlog in self._backlogs()},
        )
        manager.register_labelled_gauge_function(
            "listener_error_rate",
            "Calls of a listener that failed, in percent over the last 5 minutes.",
            ("listener",),
            self._error_rates,
        )

    def watch(self, backlogs: Callable[[], Iterable[Backlog]]) -> None:
        """Where to look for the async listeners' queues, at each scrape and each second."""
        self._backlogs = backlogs

    # What happens

    def committed(self, commit: Commit, seconds: float) -> None:
        """Rows became durable together; `seconds` is what the commit took."""
        rows, events = commit.rows, self.events
        events.commit_seconds.observe(seconds)
        events.commit_events.observe(len(rows))
        self._stored += len(rows)
        for type_, count in Counter(map(_type_of, rows)).items():
            events.triggered.child(type_).add(count)
            if business := self._business.get(type_):
                business[0].total.add(count)

    def observe(self, seen: Observation) -> None:
        """Calls of a listener have ended."""
        name = seen.listener
        listener = self._listeners.get(name) or self._welcome(name)
        listener.seconds.observe_many(seen.durations)
        calls, errors = len(seen.durations), seen.errors
        listener.share.count(calls, errors)
        self._seen.add(listener)
        self._calls.count(calls, errors)
        if errors:
            listener.errors.add(errors)
        if ages := seen.ages:
            self.events.ages.observe_many(ages)

    def _welcome(self, name: str) -> _Listener:
        handles = self._listener_handles
        share = FailureShare(SHARE_SECONDS, LISTENER_BUCKET_SECONDS)
        listener = _Listener(handles.seconds.child(name), handles.errors.child(name), share)
        self._listeners[name] = listener
        return listener

    def channel_full(self) -> None:
        """An event found a listener's channel full."""
        self.queue.full_total.add(1)

    def duplicates(self, count: int) -> None:
        """Events that were stored before have come again."""
        self.events.duplicate.add(count)

    def refused(self, code: str) -> None:
        """An event or request was refused with this error code."""
        self.events.refused.child(code).add(1)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is the route's pattern, never a client's path."""
        self.http.requests.child(route, str(status)).add(1)
        self.http.seconds.child(route).observe(seconds)

    def count_answers(self, totals: Mapping[tuple[bytes, int], int]) -> None:
        """Take over by how much totals by (route, status) have grown since the last call."""
        for key, total in totals.items():
            if grown := total - self._answers[key]:
                self._answers[key] = total
                route, status = key
                self.http.requests.child(route.decode("latin-1"), str(status)).add(grown)

    # What is made of it

    def refresh(self, now: float) -> None:
        """Renew all rates and means; `now` is monotonic seconds. About once a second."""
        self._now = now
        events = self.events
        events.trigger_rate.set(self._rate.per_second(self._stored, now))
        for handles, growth in self._business.values():
            handles.rate.set(growth.per_second(handles.total.value, now))
        self._refresh_shares(now)
        age = self._ages.look(events.ages.sum, now)
        count = self._age_count.look(events.ages.count, now)
        events.latency_ms.set(1000 * age / count if count else 0.0)
        self._refresh_full(now)

    def _refresh_shares(self, now: float) -> None:
        self._calls.settle(now)
        self.events.success_percent.set(100.0 - self._calls.percent(now))
        for listener in self._seen:
            listener.share.settle(now)
        self._seen.clear()

    def _refresh_full(self, now: float) -> None:
        total = self.queue.full_total.value
        was_full = total > self._full_before or self._full_channels() > 0
        self._full_before = total
        self._full.add(was_full, now)
        self.queue.full_percent.set(min(100.0, 100 * self._full.per_second(now)))

    def _full_channels(self) -> int:
        return sum(backlog.full_lanes for backlog in self._backlogs())

    def _error_rates(self) -> dict[Labels, float]:
        return {
            (name,): listener.share.percent(self._now) for name, listener in self._listeners.items()
        }
