"""Worker processes in numbers."""

from __future__ import annotations

from collections.abc import Callable

from event_system.metrics.manager import MetricsManager


def watch_workers(
    manager: MetricsManager,
    *,
    running: Callable[[], int],
    restarts: Callable[[], int],
    in_flight: Callable[[], int],
) -> None:
    """Register what is read at each scrape, on the loop."""
    gauge = manager.register_gauge_function
    gauge("worker_processes_running", "Worker processes that take calls.", running)
    gauge("worker_process_calls", "Calls in worker processes that have not come back.", in_flight)
    manager.register_function(
        "counter",
        "worker_process_restarts_total",
        "Worker processes that were started in the place of one that had ended.",
        (),
        lambda: {(): restarts()},
    )
