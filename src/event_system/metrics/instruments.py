"""The event core's metrics at work: what happened goes in, rates and gauges come out.

Counted once a commit or once a slice of calls, never once an event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from event_system.events.ports import Commit
from event_system.metrics.active import Active
from event_system.metrics.handles import (
    BYTES_BUCKETS,
    CALL_BUCKETS,
    ListenerFamilies,
    ListenerHandles,
    business_handles,
    commit_handles,
    delayed_handles,
    event_handles,
    queue_handles,
)
from event_system.metrics.manager import MetricsManager
from event_system.metrics.rates import FailureShare, Growth, RateWindow
from event_system.metrics.series import Labels

MINUTE = 60
PLAYER = "player."
"""How the types of events begin whose subject is a player."""
SHARE_SECONDS = 300

_type_of = itemgetter(5)  # the column `type` of `events.event.Row`


class Observation(Protocol):
    """Finished calls of one listener, in seconds; `ages` count from the events' trigger."""

    @property
    def listener(self) -> str: ...
    @property
    def durations(self) -> Sequence[float]: ...
    @property
    def ages(self) -> Sequence[float]: ...
    @property
    def errors(self) -> int: ...
    @property
    def traced(self) -> tuple[int, str] | None: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Numbers that live elsewhere and are read at each scrape, on the loop.

    `queued` events wait in channels, `full_lanes` of which are full; `lags` are events not yet
    handled by listener; `waiting` ones are due later; `requests` and `duplicates` are totals,
    the former by (path, status). `violations` are by (type, outcome), `deprecated` by (type,).
    """

    queued: Callable[[], int]
    full_lanes: Callable[[], int]
    lags: Callable[[], Mapping[str, int]]
    head: Callable[[], int]
    streams: Callable[[], int]
    requests: Callable[[], Mapping[tuple[str, int], int]]
    duplicates: Callable[[], int] | None = None
    violations: Callable[[], Mapping[Labels, float]] | None = None
    deprecated: Callable[[], Mapping[Labels, float]] | None = None
    waiting: Callable[[], int] | None = None
    overdue: Callable[[], float] | None = None


def _no_trace(_traceparent: str) -> None:
    """Where nobody follows traces."""


class EventMetrics:
    """Counts what the event core does. `refresh` renews the rates, about once a second."""

    def __init__(
        self, manager: MetricsManager, trace_id: Callable[[str], str | None] = _no_trace
    ) -> None:
        """`trace_id` tells the id of the trace that a W3C traceparent names."""
        self._manager = manager
        self._trace_id = trace_id
        self._events = event_handles(manager)
        self.commits = commit_handles(manager)
        self._queue = queue_handles(manager)
        self._delayed = delayed_handles(manager)
        self._families = ListenerFamilies(manager)
        self._listeners: dict[str, ListenerHandles] = {}
        self._business = business_handles(manager)
        self._growths = {type_: Growth(MINUTE) for type_ in self._business}
        self._stored = 0
        self._messages = manager.register_histogram(
            "message_size_bytes", "Data of stored events.", buckets=BYTES_BUCKETS
        ).child()
        self.active = Active()
        self._stored_growth = Growth(MINUTE)
        self._age_growth, self._aged_growth = Growth(MINUTE), Growth(MINUTE)
        self._calls = FailureShare(SHARE_SECONDS)
        self._full = RateWindow(MINUTE)
        self._full_before = 0.0
        self._full_lanes: Callable[[], int] = int
        self._events.success_percent.set(100)

    def watch(self, sources: Sources) -> None:
        """Register what is read at each scrape. Once, when all parts stand."""
        self._full_lanes = sources.full_lanes
        gauge, function = self._manager.register_gauge_function, self._manager.register_function
        gauge("async_queue_length", "Events in the channels of all listeners.", sources.queued)
        gauge("async_queue_full", "Channels that are full now.", sources.full_lanes)
        function("counter", "messages_total", "Events stored.", (), lambda: {(): self._stored})
        gauge(
            "users_active_total", "Players of whom an event came lately.", lambda: len(self.active)
        )
        self._manager.register_distributions(
            "message_process_time",
            "Time of one call of any listener, in seconds.",
            (),
            lambda: {(): self._families.together()},
            buckets=CALL_BUCKETS,
        )
        gauge("eventlog_head_offset", "Offset of the newest event.", sources.head)
        gauge("live_streams", "Open live streams of events.", sources.streams)
        function(
            "gauge",
            "listener_lag",
            "Events that a listener has not handled yet.",
            ("listener",),
            lambda: {(name,): lag for name, lag in sources.lags().items()},
        )
        function(
            "counter",
            "http_requests_total",
            "Answered requests, by route and status.",
            ("route", "status"),
            lambda: _requests(sources.requests()),
        )
        if sources.waiting is not None:
            gauge("scheduled_events_waiting", "Events that wait for their time.", sources.waiting)
        if sources.overdue is not None:
            gauge(
                "scheduled_overdue_seconds",
                "By how much what is due next is late.",
                sources.overdue,
            )
        if (duplicates := sources.duplicates) is not None:
            function(
                "counter",
                "events_duplicate_total",
                "Events that had been stored before, and were not again.",
                (),
                lambda: {(): duplicates()},
            )

        self._watch_types(sources)

    def _watch_types(self, sources: Sources) -> None:
        function = self._manager.register_function
        if (violations := sources.violations) is not None:
            function(
                "counter",
                "event_type_violations_total",
                "Events that do not fit their type's schema, by type and what became of them.",
                ("type", "outcome"),
                violations,
            )
        if (deprecated := sources.deprecated) is not None:
            function(
                "counter",
                "event_type_deprecated_total",
                "Events of deprecated types that were sent, by type.",
                ("type",),
                deprecated,
            )

    # What happens

    def committed(self, commit: Commit, seconds: float) -> None:
        """Rows became durable together; `seconds` is what the commit took."""
        rows, triggered = commit.rows, self._events.triggered
        stored = len(rows)
        self.commits.seconds.observe(seconds)
        self.commits.events.observe(stored)
        self._stored += stored
        self._messages.observe_many([len(row[-1] or b"") for row in rows])
        counts = Counter(map(_type_of, rows))
        if of_players := {type_ for type_ in counts if type_.startswith(PLAYER)}:
            self.active.see({row[8] for row in rows if row[5] in of_players and row[8]})
        for type_, count in counts.items():
            triggered.child(type_).value += count
            if business := self._business.get(type_):
                business.total.value += count

    def observe(self, seen: Observation) -> None:
        """Calls of a listener have ended."""
        name, durations, errors = seen.listener, seen.durations, seen.errors
        listener = self._listeners.get(name) or self._welcome(name)
        listener.seconds.observe_many(durations)
        calls = len(durations)
        listener.events.value += calls
        self._calls.count(calls, errors)
        if errors:
            listener.errors.value += errors
        if ages := seen.ages:
            if min(ages) < 0:  # the clock was set back meanwhile
                ages = [max(0.0, age) for age in ages]
            self._events.ages.observe_many(ages)
        if seen.traced is not None and (trace_id := self._trace_id(seen.traced[1])):
            at = seen.traced[0]
            listener.seconds.exemplify(durations[at], trace_id)
            if ages:
                self._events.ages.exemplify(ages[at], trace_id)

    def _welcome(self, name: str) -> ListenerHandles:
        handles = self._listeners[name] = self._families.of(name)
        return handles

    def fired(self, delays: Sequence[float]) -> None:
        """Events whose time had come went into the log, so many seconds after it."""
        self._delayed.fired.value += len(delays)
        self._delayed.seconds.observe_many(delays)

    def channel_full(self) -> None:
        """A channel had no room, and reading for it paused."""
        self._queue.full_total.add()

    def refused(self, code: str) -> None:
        """A request to store events was refused with this error code."""
        self._events.refused.child(code).add()

    def refusals(self, code: str) -> float:
        """How many requests were refused with this error code."""
        return self._events.refused.child(code).value

    # What is made of it

    def refresh(self, now: float) -> None:
        """Renew all rates and means; `now` is monotonic seconds."""
        events = self._events
        self.active.turn(now)
        events.trigger_rate.set(self._stored_growth.per_second(self._stored, now))
        for type_, handles in self._business.items():
            handles.rate.set(self._growths[type_].per_second(handles.total.value, now))
        age = self._age_growth.look(events.ages.sum, now)
        aged = self._aged_growth.look(events.ages.count, now)
        events.latency_ms.set(1000 * age / aged if aged else 0.0)
        self._calls.settle(now)
        failed = self._calls.percent(now)
        events.success_percent.set(100.0 - failed)
        self._families.error_percent.set(failed)
        self._refresh_full(now)

    def _refresh_full(self, now: float) -> None:
        total = self._queue.full_total.value
        was_full = total > self._full_before or self._full_lanes() > 0
        self._full_before = total
        self._full.add(was_full, now)
        self._queue.full_percent.set(min(100.0, 100 * self._full.per_second(now)))


class UncountedEvents(EventMetrics):
    """The same metrics where nobody looks at them: what happens is not counted."""

    def committed(self, commit: Commit, seconds: float) -> None:
        pass

    def observe(self, seen: Observation) -> None:
        pass

    def fired(self, delays: Sequence[float]) -> None:
        pass

    def channel_full(self) -> None:
        pass

    def refused(self, code: str) -> None:
        pass


def _requests(totals: Mapping[tuple[str, int], int]) -> dict[Labels, float]:
    return {(route, str(status)): total for (route, status), total in totals.items()}
