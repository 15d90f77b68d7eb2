"""How full the node is: requests under way, and what listeners are behind."""

from __future__ import annotations

from collections.abc import Callable

from event_system.metrics.manager import MetricsManager


def watch_admission(
    manager: MetricsManager,
    *,
    in_flight: Callable[[], int],
    held_bytes: Callable[[], int],
    backlog: Callable[[], int],
) -> None:
    """Register what is read at each scrape, on the loop."""
    gauge = manager.register_gauge_function
    gauge("requests_in_flight", "Requests to store events that are under way.", in_flight)
    gauge("request_bytes_in_flight", "Bytes of large bodies that are held.", held_bytes)
    gauge(
        "event_backlog",
        "Events by which the listener furthest behind has fallen behind since the start.",
        backlog,
    )
