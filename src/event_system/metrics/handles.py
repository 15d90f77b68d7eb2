"""The event core's metrics by name: registered once, held by those who count.

docs/metrics.md lists them; a test compares it with what is registered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from event_system.metrics.children import CounterChild, GaugeChild, HistogramChild
from event_system.metrics.families import Counter
from event_system.metrics.manager import MetricsManager
from event_system.metrics.queries import BUCKETS

# 0.05, 0.1 and 0.2 s are the thresholds of the alerts on latency and listeners.
AGE_BUCKETS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
CALL_BUCKETS: Final = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0)
BYTES_BUCKETS: Final = (16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
SIZE_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
BUSINESS: Final = {
    "player.login": "player_login",
    "player.logout": "player_logout",
    "player.level_up": "player_level_up",
    "activity.start": "activity_start",
    "activity.end": "activity_end",
}
"""Event types that have a counter and a rate of their own, and how those begin."""


@dataclass(frozen=True, slots=True)
class EventHandles:
    """Events on their way in, and to the end of it."""

    triggered: Counter
    refused: Counter
    trigger_rate: GaugeChild
    ages: HistogramChild
    latency_ms: GaugeChild
    success_percent: GaugeChild


def event_handles(manager: MetricsManager) -> EventHandles:
    counter, gauge = manager.register_counter, manager.register_gauge
    return EventHandles(
        triggered=counter("events_triggered_total", "Events stored, by event type.", "type"),
        refused=counter(
            "events_refused_total", "Requests to store events that were refused.", "code"
        ),
        trigger_rate=gauge(
            "event_trigger_rate", "Events stored per second, over the last minute."
        ).child(),
        ages=manager.register_histogram(
            "event_processing_latency_seconds",
            "From the trigger of an event to the end of one listener's call.",
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
    )


@dataclass(frozen=True, slots=True)
class CommitHandles:
    """Group commits of the event log."""

    seconds: HistogramChild
    events: HistogramChild


def commit_handles(manager: MetricsManager) -> CommitHandles:
    histogram = manager.register_histogram
    return CommitHandles(
        seconds=histogram(
            "eventlog_commit_duration_seconds",
            "Time of one group commit to the event log, fsync included.",
            buckets=BUCKETS,
        ).child(),
        events=histogram(
            "eventlog_commit_events", "Events in one group commit.", buckets=SIZE_BUCKETS
        ).child(),
    )


@dataclass(frozen=True, slots=True)
class DelayedHandles:
    """Events and schedules whose time came."""

    fired: CounterChild
    seconds: HistogramChild


def delayed_handles(manager: MetricsManager) -> DelayedHandles:
    return DelayedHandles(
        fired=manager.register_counter(
            "scheduled_events_fired_total",
            "Delayed events and firings of schedules that went into the log.",
        ).child(),
        seconds=manager.register_histogram(
            "scheduled_firing_delay_seconds",
            "From the moment that an event was due to its place in the log.",
            buckets=AGE_BUCKETS,
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
            "Times that a channel was full and reading for it paused.",
        ).child(),
        full_percent=manager.register_gauge(
            "async_queue_full_rate",
            "Seconds of the last minute in which some channel was full, in percent.",
        ).child(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class ListenerHandles:
    """What one listener does."""

    seconds: HistogramChild
    events: CounterChild
    errors: CounterChild


class ListenerFamilies:
    """What listeners do: `of` one of them, and all together."""

    def __init__(self, manager: MetricsManager) -> None:
        self._seconds = manager.register_histogram(
            "listener_duration_seconds",
            "Time of one call of a listener.",
            "listener",
            buckets=CALL_BUCKETS,
        )
        self._events = manager.register_counter(
            "listener_events_total", "Events given to a listener, failed ones included.", "listener"
        )
        self._errors = manager.register_counter(
            "listener_errors_total", "Calls of a listener that failed.", "listener"
        )
        self.error_percent = manager.register_gauge(
            "listener_error_rate", "Listener calls that failed, in percent over the last 5 minutes."
        ).child()

    def together(self) -> HistogramChild:
        """The time of all calls."""
        whole = HistogramChild(CALL_BUCKETS)
        for child in self._seconds.children():
            whole.merge(child)
        return whole

    def of(self, listener: str) -> ListenerHandles:
        return ListenerHandles(
            self._seconds.child(listener),
            self._events.child(listener),
            self._errors.child(listener),
        )


@dataclass(frozen=True, slots=True)
class BusinessHandles:
    """One kind of event of a game, e.g. `player.login`."""

    total: CounterChild
    rate: GaugeChild


def business_handles(manager: MetricsManager) -> dict[str, BusinessHandles]:
    """Handles by event type."""
    return {type_: _business(manager, type_, name) for type_, name in BUSINESS.items()}


def _business(manager: MetricsManager, type_: str, name: str) -> BusinessHandles:
    total = manager.register_counter(f"{name}_events_total", f"Events `{type_}` stored.")
    rate = manager.register_gauge(
        f"{name}_event_rate", f"Events `{type_}` stored per second, over the last minute."
    )
    return BusinessHandles(total.child(), rate.child())
