"""The connections to a database server, and what is slow there."""

from __future__ import annotations

from collections.abc import Callable

from event_system.metrics.manager import MetricsManager


def watch_database(
    manager: MetricsManager,
    *,
    active: Callable[[], int],
    idle: Callable[[], int],
    waiting: Callable[[], int],
    most: int,
    slow: Callable[[], int],
    lag: Callable[[], int],
) -> None:
    """Register what is read at each scrape, on the loop."""
    gauge = manager.register_gauge_function
    gauge("db_connections_active", "Connections to the database in use.", active)
    gauge("db_connections_idle", "Connections to the database that are open and free.", idle)
    gauge("db_connections_waiting", "Those who wait for a connection to the database.", waiting)
    gauge("db_connections_max", "Connections to the database at most.", lambda: most)
    manager.register_function(
        "counter",
        "db_slow_queries_total",
        "Statements that took longer than database.slow_query_threshold.",
        (),
        lambda: {(): slow()},
    )
    gauge("db_log_lag", "Events that are durable and not in the database's tables yet.", lag)
