from __future__ import annotations

from event_system.metrics.failures import FailureNumbers, watch_failures
from event_system.metrics.manager import MetricsManager


def test_failed_deliveries_can_be_read_by_listener() -> None:
    manager = MetricsManager()
    watch_failures(manager, lambda: {"x": FailureNumbers(retries=4, died=3, retrying=2, dead=1)})

    told = {values.spec.name: dict(values.plain) for values in manager.collect()}
    assert (
        told.items()
        >= {
            "listener_retries_total": {("x",): 4},
            "listener_dead_letters_total": {("x",): 3},
            "listener_retrying": {("x",): 2},
            "listener_dead": {("x",): 1},
        }.items()
    )
