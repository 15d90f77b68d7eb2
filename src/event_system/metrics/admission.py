"""How full the node is: connections, requests under way, and what listeners are behind."""

from __future__ import annotations

from collections.abc import Callable

from event_system.metrics.manager import MetricsManager


def watch_admission(
    manager: MetricsManager,
    *,
    in_flight: Callable[[], int],
    held_bytes: Callable[[], int],
    connections: Callable[[], int],
    turned_away: Callable[[], int],
    backlog: Callable[[], int],
) -> None:
    """Register what is read at each scrape, on the loop."""
    gauge = manager.register_gauge_function
    gauge("requests_in_flight", "Requests to store events that are under way.", in_flight)
    gauge("request_bytes_in_flight", "Bytes of unfinished requests and large bodies.", held_bytes)
    gauge("http_connections", "Open connections to server.port.", connections)
    manager.register_function(
        "counter",
        "http_connections_refused_total",
        "Connections that were turned away as there were too many.",
        (),
        lambda: {(): turned_away()},
    )
    gauge(
        "event_backlog",
        "Events by which the listener furthest behind has fallen behind since the start.",
        backlog,
    )
