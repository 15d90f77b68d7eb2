"""Worker processes in numbers."""

from __future__ import annotations

from event_system.metrics.manager import MetricsManager
from event_system.metrics.workers import watch_workers


def test_worker_processes_are_told_at_each_scrape() -> None:
    manager, numbers = MetricsManager(), [2, 5, 3]
    watch_workers(
        manager,
        running=lambda: numbers[0],
        restarts=lambda: numbers[1],
        in_flight=lambda: numbers[2],
    )
    numbers[0] = 1

    told = {
        values.spec.name: {at: value[0] for at, value in values.rows}
        for values in manager.collect()
    }

    assert (
        told.items()
        >= {
            "worker_processes_running": {(): 1},
            "worker_process_restarts_total": {(): 5},
            "worker_process_calls": {(): 3},
        }.items()
    )
