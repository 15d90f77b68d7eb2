from __future__ import annotations

from event_system.metrics.admission import watch_admission
from event_system.metrics.manager import MetricsManager


def test_how_full_the_node_is_can_be_read() -> None:
    manager = MetricsManager()
    watch_admission(
        manager,
        in_flight=lambda: 3,
        held_bytes=lambda: 70_000,
        connections=lambda: 40,
        turned_away=lambda: 2,
        backlog=lambda: 12,
    )

    told = {
        values.spec.name: {at: value[0] for at, value in values.rows}
        for values in manager.collect()
    }
    assert (
        told.items()
        >= {
            "requests_in_flight": {(): 3},
            "request_bytes_in_flight": {(): 70_000},
            "http_connections": {(): 40},
            "http_connections_refused_total": {(): 2},
            "event_backlog": {(): 12},
        }.items()
    )
