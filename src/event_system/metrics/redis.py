"""The client of a Redis server: whether that answers, what is asked of it, and how often in vain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from event_system.metrics.manager import MetricsManager


def watch_redis(
    manager: MetricsManager,
    *,
    is_up: Callable[[], bool],
    operations: Callable[[], Mapping[str, int]],
    errors: Callable[[], Mapping[str, int]],
    connections: Callable[[], Mapping[str, int]],
) -> None:
    """Register what is read at each scrape, on the loop."""
    manager.register_gauge_function("redis_up", "Whether the Redis server answers.", is_up)
    manager.register_function(
        "counter",
        "redis_operations",
        "Calls of the Redis server.",
        ("operation",),
        lambda: {(name,): number for name, number in operations().items()},
        exact=True,
    )
    manager.register_function(
        "counter",
        "redis_errors",
        "Calls of the Redis server that failed or took too long.",
        ("operation",),
        lambda: {(name,): number for name, number in errors().items()},
        exact=True,
    )
    manager.register_function(
        "gauge",
        "redis_connection_pool",
        "Connections to the Redis server.",
        ("state",),
        lambda: {(state,): number for state, number in connections().items()},
    )
