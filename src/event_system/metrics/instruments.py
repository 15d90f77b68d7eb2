"""The event core's metrics: counted once a commit or a slice, not once an event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from event_system.events.ports import Commit
from event_system.metrics.manager import MetricsManager
from event_system.metrics.window import RateWindow

MINUTE, FIVE_MINUTES = 60, 300
EVENTS_PER_COMMIT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 8192)
BUSINESS: Final = {
    "player.login": "player_login",
    "player.logout": "player_logout",
    "player.level_up": "player_level_up",
    "activity.start": "activity_start",
    "activity.end": "activity_end",
}


class Slice(Protocol):
    """A slice of finished calls of one listener; times in seconds."""

    @property
    def listener(self) -> str: ...
    @property
    def durations(self) -> list[float]: ...
    @property
    def ages(self) -> list[float]: ...
    @property
    def errors(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Numbers that live elsewhere and are read at each scrape."""

    queued: Callable[[], int]
    full_lanes: Callable[[], int]
    lags: Callable[[], Mapping[str, int]]
    head: Callable[[], int]
    streams: Callable[[], int]
    requests: Callable[[], Mapping[tuple[bytes, int], int]]


class EventMetrics:
    """Handles of the event core's metrics."""

    def __init__(self, manager: MetricsManager) -> None:
        self._manager = manager
        m = manager
        self._triggered = m.register_counter("events_triggered_total", "Events stored.", "type")
        self._trigger_rate = m.register_gauge(
            "event_trigger_rate", "Events stored per second over the last minute."
        ).child()
        self._commit_seconds = m.register_histogram(
            "eventlog_commit_duration_seconds", "Time of one commit of the log, fsync included."
        ).child()
        self._commit_events = m.register_histogram(
            "eventlog_commit_events", "Events in one commit.", buckets=EVENTS_PER_COMMIT
        ).child()
        self._ages = m.register_histogram(
            "event_processing_latency_seconds", "From trigger to handled, by any async listener."
        ).child()
        self._latency = m.register_gauge(
            "event_processing_latency", "Mean ms from trigger to handled over the last minute."
        ).child()
        self._success = m.register_gauge(
            "event_processing_success_rate", "Percent of calls without error, last 5 minutes."
        ).child()
        self._success.set(100)
        self._error_rate = m.register_gauge(
            "listener_error_rate", "Percent of calls that failed, last 5 minutes."
        ).child()
        self._full = m.register_counter(
            "async_queue_full_total", "Times that a channel was full and reading paused."
        ).child()
        self._full_rate = m.register_gauge(
            "async_queue_full_rate", "Percent of the last minute's seconds with a full channel."
        ).child()
        self._durations = m.register_histogram(
            "listener_duration_seconds", "Time of one call of a listener.", "listener"
        )
        self._calls = m.register_counter("listener_events_total", "Events handled.", "listener")
        self._errors = m.register_counter("listener_errors_total", "Calls that failed.", "listener")
        self._business = {
            type_: (
                m.register_counter(f"{name}_events_total", f"Events of type {type_}.").child(),
                m.register_gauge(f"{name}_event_rate", f"{type_} per second, last minute.").child(),
                RateWindow(MINUTE),
            )
            for type_, name in BUSINESS.items()
        }
        self._stored = RateWindow(MINUTE)
        self._age_sum, self._age_count = RateWindow(MINUTE), RateWindow(MINUTE)
        self._handled, self._failed = RateWindow(FIVE_MINUTES), RateWindow(FIVE_MINUTES)
        self._full_seconds = RateWindow(MINUTE)
        self._full_marked = -1
        self._now = 0.0

    def watch(self, sources: Sources) -> None:
        """Register what is read at each scrape."""
        m = self._manager
        m.register_gauge_function("async_queue_length", "Events in channels.", sources.queued)
        m.register_gauge_function("async_queue_full", "Channels full now.", sources.full_lanes)
        m.register_gauge_function(
            "eventlog_head_offset", "Offset of the newest event.", sources.head
        )
        m.register_gauge_function("live_streams", "Open live streams.", sources.streams)
        self._lag = m.register_gauge("listener_lag", "Events not handled yet.", "listener")
        self._requests = m.register_counter(
            "http_requests_total", "Requests to the hot routes.", "route", "status"
        )
        self._sources = sources

    # Counting

    def committed(self, commit: Commit, seconds: float) -> None:
        """A commit became durable."""
        stored = len(commit.rows)
        self._commit_seconds.observe(seconds)
        self._commit_events.observe(stored)
        self._stored.add(stored, self._now)
        for type_, count in Counter([row[5] for row in commit.rows]).items():
            self._triggered.child(type_).add(count)
            if type_ in self._business:
                counter, _, window = self._business[type_]
                counter.add(count)
                window.add(count, self._now)

    def observe(self, done: Slice) -> None:
        """A listener has finished some calls."""
        if not done.durations:
            return
        self._durations.child(done.listener).observe_many(done.durations)
        self._calls.child(done.listener).add(len(done.durations))
        self._handled.add(len(done.durations), self._now)
        if done.errors:
            self._errors.child(done.listener).add(done.errors)
            self._failed.add(done.errors, self._now)
        if done.ages:
            self._ages.observe_many(done.ages)
            self._age_sum.add(sum(done.ages), self._now)
            self._age_count.add(len(done.ages), self._now)

    def channel_full(self) -> None:
        """A channel had no room, and reading for it paused."""
        self._full.add()
        self._mark_full()

    def _mark_full(self) -> None:
        if int(self._now) != self._full_marked:
            self._full_marked = int(self._now)
            self._full_seconds.add(1, self._now)

    def refresh(self, now: float) -> None:
        """Work the rates out; called once a second with monotonic time."""
        self._now = now
        if self._sources.full_lanes():
            self._mark_full()
        self._trigger_rate.set(self._stored.per_second(now))
        for _, gauge, window in self._business.values():
            gauge.set(window.per_second(now))
        count = self._age_count.sum(now)
        self._latency.set(self._age_sum.sum(now) / count * 1000 if count else 0)
        handled, failed = self._handled.sum(now), self._failed.sum(now)
        share = failed / handled * 100 if handled else 0
        self._error_rate.set(share)
        self._success.set(100 - share)
        self._full_rate.set(self._full_seconds.sum(now) / MINUTE * 100)
        self._refresh_children()

    def _refresh_children(self) -> None:
        for listener, lag in self._sources.lags().items():
            self._lag.child(listener).set(lag)
        for (route, status), count in self._sources.requests().items():
            self._requests.child(route.decode(), str(status)).value = count
