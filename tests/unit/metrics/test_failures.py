from __future__ import annotations

from event_system.metrics.failures import FailureNumbers, watch_decisions, watch_failures
from event_system.metrics.manager import MetricsManager


def test_failed_deliveries_can_be_read_by_listener() -> None:
    manager = MetricsManager()
    numbers = FailureNumbers(retries=4, interrupted=5, died=3, retrying=2, dead=1, age_seconds=7.5)
    watch_failures(manager, lambda: {"x": numbers})
    watch_decisions(manager, requeued=lambda: 8, discarded=lambda: 9)

    told = {
        values.spec.name: {at: value[0] for at, value in values.rows}
        for values in manager.collect()
    }
    assert (
        told.items()
        >= {
            "listener_retries_total": {("x",): 4},
            "listener_dead_letters_total": {("x",): 3},
            "listener_retrying": {("x",): 2},
            "listener_dead": {("x",): 1},
            "listener_interrupted_total": {("x",): 5},
            "listener_retrying_age_seconds": {("x",): 7.5},
            "dead_letters_requeued_total": {(): 8},
            "dead_letters_discarded_total": {(): 9},
        }.items()
    )
