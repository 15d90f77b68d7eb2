"""Tells what the node has counted and collected so far, by the names of the metrics."""

from __future__ import annotations

from event_system import Event, MetricsManager, collector, listener


@collector(interval_seconds=1)
def collect(metrics: MetricsManager) -> None:
    if "collected" not in metrics:
        metrics.register_gauge("collected", "Whether collectors are called.")
    metrics.set_gauge("collected", 1)


@listener("process.counted", mode="sync")
async def tell(event: Event, metrics: MetricsManager) -> list[str]:
    return sorted({name for (name, _), value in metrics.samples() if value})
