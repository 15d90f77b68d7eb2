"""Listeners whose metrics come from worker processes."""

from __future__ import annotations

import os
from pathlib import Path

from event_system import Event, MetricsManager, listener, register_metrics


@register_metrics
def register(metrics: MetricsManager) -> None:
    metrics.register_counter("measured_calls_total", "Calls.", "subject")
    metrics.register_gauge("measured_level", "Level.")
    metrics.register_histogram("measured_size", "Size.", buckets=(1, 10))


@listener("measured.*", name="measured", process=True)
def measured(event: Event, metrics: MetricsManager) -> None:
    """Counts, or, where the event says so, ends its process: the first time only."""
    if event.type == "measured.end":
        marker = Path(event.data["marker"])
        if not marker.exists():
            marker.touch()
            os._exit(1)
        return
    metrics.increment_counter("measured_calls_total", 1, str(event.subject))
    metrics.set_gauge("measured_level", event.data["size"])
    metrics.observe_histogram("measured_size", event.data["size"])
