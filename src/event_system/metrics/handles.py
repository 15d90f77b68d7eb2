"""The event core's metrics by name: registered once, held by those who count.

docs/metrics.md lists them; a test compares it with what is registered here.
"""

from __future__ import annotations

from dataclasses import dataclass

from event_system.metrics.children import CounterChild, GaugeChild, HistogramChild
from event_system.metrics.families import Counter, Histogram
from event_system.metrics.manager import MetricsManager

# 0.05, 0.1 and 0.2 s are the thresholds of the alerts on latency and listeners.
AGE_BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
CALL_BUCKETS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0)
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)


@dataclass(frozen=True, slots=True)
class EventHandles:
    """Events on their way in, and to the end of it."""

    triggered: Counter
    duplicate: CounterChild
    refused: Counter
    trigger_rate: GaugeChild
    ages: HistogramChild
    latency_ms: GaugeChild
    success_percent: GaugeChild
    commit_seconds: HistogramChild
    commit_events: HistogramChild


def event_handles(manager: MetricsManager) -> EventHandles:
    counter, gauge = manager.register_counter, manager.register_gauge
    histogram = manager.register_histogram
    return EventHandles(
        triggered=counter("events_triggered_total", "Events stored, by event type.", "type"),
        duplicate=counter(
            "events_duplicate_total", "Events that had been stored before, and were not again."
        ).child(),
        refused=counter(
            "events_refused_total", "Events or requests refused, by error code.", "code"
        ),
        trigger_rate=gauge(
            "event_trigger_rate", "Events stored per second, over the last minute."
        ).child(),
        ages=histogram(
            "event_processing_latency_seconds",
            "From the receipt of an event to the end of one async listener's call.",
            buckets=AGE_BUCKETS,
        ).child(),
        latency_ms=gauge(
            "event_processing_latency",
            "Mean of event_processing_latency_seconds over the last minute, in milliseconds.",
        ).child(),
        success_percent=gauge(
            "event_processing_success_rate",
            "Listener calls without error, in percent over the last 5 minutes; 100 when idle.",
        ).child(),
        commit_seconds=histogram(
            "eventlog_commit_duration_seconds",
            "Time of one group commit to the event log, fsync included.",
            buckets=COMMIT_BUCKETS,
        ).child(),
        commit_events=histogram(
            "eventlog_commit_events", "Events in one group commit.", buckets=SIZE_BUCKETS
        ).child(),
    )


@dataclass(frozen=True, slots=True)
class QueueHandles:
    """Channels between the log and async listeners."""

    full_total: CounterChild
    full_percent: GaugeChild


def queue_handles(manager: MetricsManager) -> QueueHandles:
    return QueueHandles(
        full_total=manager.register_counter(
            "async_queue_full_events_total",
            "Times that an event found its listener's channel full.",
        ).child(),
        full_percent=manager.register_gauge(
            "async_queue_full_rate",
            "Seconds of the last minute in which some channel was full, in percent.",
        ).child(),
    )


@dataclass(frozen=True, slots=True)
class ListenerHandles:
    """What listeners do, by listener."""

    seconds: Histogram
    errors: Counter


def listener_handles(manager: MetricsManager) -> ListenerHandles:
    return ListenerHandles(
        seconds=manager.register_histogram(
            "listener_duration_seconds",
            "Time of one call of a listener.",
            "listener",
            buckets=CALL_BUCKETS,
        ),
        errors=manager.register_counter(
            "listener_errors_total", "Calls of a listener that failed.", "listener"
        ),
    )


@dataclass(frozen=True, slots=True)
class HttpHandles:
    """Requests to the node's HTTP server, by route."""

    requests: Counter
    seconds: Histogram


def http_handles(manager: MetricsManager) -> HttpHandles:
    return HttpHandles(
        requests=manager.register_counter(
            "http_requests_total", "HTTP requests answered.", "route", "status"
        ),
        seconds=manager.register_histogram(
            "http_request_duration_seconds", "Time to answer an HTTP request.", "route"
        ),
    )


@dataclass(frozen=True, slots=True)
class BusinessHandles:
    """One kind of event of a game, e.g. `player.login`."""

    total: CounterChild
    rate: GaugeChild


BUSINESS = {
    "player.login": "player_login",
    "player.logout": "player_logout",
    "player.level_up": "player_level_up",
    "activity.start": "activity_start",
    "activity.end": "activity_end",
}


def business_handles(manager: MetricsManager) -> dict[str, BusinessHandles]:
    """Handles by event type."""
    return {type_: _business(manager, type_, name) for type_, name in BUSINESS.items()}


def _business(manager: MetricsManager, type_: str, name: str) -> BusinessHandles:
    total = manager.register_counter(f"{name}_events_total", f"Events `{type_}` stored.")
    rate = manager.register_gauge(
        f"{name}_events_per_second", f"Events `{type_}` per second, over the last minute."
    )
    return BusinessHandles(total.child(), rate.child())
