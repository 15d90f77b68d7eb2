"""Databases, Redis and brokers: what the servers say, and how the nodes use them."""

from __future__ import annotations

from tools.dashboards.panels import Dashboard, Query, Row, panel

NODE = 'job=~"$job", instance=~"$instance"'
RATE = "[$__rate_interval]"


def _top(expr: str) -> str:
    """A figure of a server once, however many nodes read it."""
    return f"max without (job, instance) ({expr})"


def _used(part: str, whole: str, by: str) -> str:
    """A share in percent."""
    parts = f"sum by ({by}) (max without (job, instance) ({part}{{{NODE}}}))"
    return f"100 * {parts} / on ({by}) max by ({by}) ({whole}{{{NODE}}})"


DASHBOARD = Dashboard(
    uid="event-system-database",
    title="Database",
    rows=(
        Row(
            "Database servers",
            (
                panel(
                    "Up",
                    Query(_top(f"database_server_up{{{NODE}}}"), "{{engine}} {{server}}"),
                    kind="stat",
                    warn_at=1,
                    below=True,
                ),
                panel(
                    "Connections in use",
                    Query(
                        _used(
                            "database_server_connections",
                            "database_server_connections_max",
                            "engine, server",
                        ),
                        "{{server}}",
                    ),
                    unit="percent",
                    warn_at=80,
                    description="Of those that the server allows.",
                ),
                panel(
                    "Connections by state",
                    Query(_top(f"database_server_connections{{{NODE}}}"), "{{server}} {{state}}"),
                ),
                panel(
                    "Response time",
                    Query(_top(f"database_server_response_seconds{{{NODE}}}"), "{{server}}"),
                    unit="s",
                    warn_at=0.2,
                ),
                panel(
                    "Transactions",
                    Query(
                        _top(f"rate(database_server_transactions_total{{{NODE}}}{RATE})"),
                        "{{server}} {{outcome}}",
                    ),
                    unit="ops",
                ),
                panel(
                    "Size",
                    Query(_top(f"database_server_size_bytes{{{NODE}}}"), "{{server}}"),
                    unit="bytes",
                ),
                panel(
                    "Slow queries",
                    Query(
                        _top(f"database_server_running_slow_queries{{{NODE}}}"),
                        "{{server}} running",
                    ),
                    Query(
                        f"sum by (instance) (rate(db_slow_queries_total{{{NODE}}}{RATE})) * 60",
                        "{{instance}} a minute",
                    ),
                    warn_at=5,
                ),
                panel(
                    "Lock waits",
                    Query(_top(f"database_server_lock_waits{{{NODE}}}"), "{{server}}"),
                ),
                panel(
                    "Longest wait for a lock",
                    Query(
                        _top(f"database_server_longest_lock_wait_seconds{{{NODE}}}"), "{{server}}"
                    ),
                    unit="s",
                    warn_at=1,
                ),
                panel(
                    "Pages found in the server's cache",
                    Query(
                        f"rate(database_server_cache_hits_total{{{NODE}}}{RATE}) / "
                        f"(rate(database_server_cache_hits_total{{{NODE}}}{RATE}) + "
                        f"rate(database_server_cache_misses_total{{{NODE}}}{RATE}) > 0)",
                        "{{server}}",
                    ),
                    unit="percentunit",
                ),
                panel(
                    "Deadlocks",
                    Query(
                        _top(f"increase(database_server_deadlocks_total{{{NODE}}}[1h])"),
                        "{{server}}",
                    ),
                    warn_at=1,
                ),
                panel(
                    "Growth in a day",
                    Query(
                        f"86400 * {_top(f'deriv(database_server_size_bytes{{{NODE}}}[1h])')}",
                        "{{server}}",
                    ),
                    unit="bytes",
                ),
            ),
        ),
        Row(
            "The nodes' connections",
            (
                panel(
                    "Pool",
                    Query(f"db_connections_active{{{NODE}}}", "{{instance}} active"),
                    Query(f"db_connections_idle{{{NODE}}}", "{{instance}} idle"),
                    Query(f"db_connections_waiting{{{NODE}}}", "{{instance}} waiting"),
                    Query(f"db_connections_max{{{NODE}}}", "{{instance}} at most"),
                    width=12,
                ),
                panel(
                    "Events not in the tables yet",
                    Query(f"db_log_lag{{{NODE}}}", "{{instance}}"),
                    width=12,
                ),
            ),
        ),
        Row(
            "Redis",
            (
                panel(
                    "Up",
                    Query(_top(f"redis_server_up{{{NODE}}}"), "{{server}}"),
                    kind="stat",
                    warn_at=1,
                    below=True,
                ),
                panel(
                    "Memory",
                    Query(
                        _used(
                            "redis_server_memory_used_bytes",
                            "redis_server_memory_max_bytes",
                            "server",
                        ),
                        "{{server}}",
                    ),
                    unit="percent",
                    warn_at=75,
                ),
                panel(
                    "Hit rate",
                    Query(
                        f"100 * rate(redis_server_hits_total{{{NODE}}}{RATE}) / "
                        f"(rate(redis_server_hits_total{{{NODE}}}{RATE}) + "
                        f"rate(redis_server_misses_total{{{NODE}}}{RATE}) > 0)",
                        "{{server}}",
                    ),
                    unit="percent",
                    warn_at=85,
                    below=True,
                ),
                panel(
                    "Keys that leave",
                    Query(
                        _top(f"rate(redis_server_expired_total{{{NODE}}}{RATE})"),
                        "{{server}} expired",
                    ),
                    Query(
                        _top(f"rate(redis_server_evicted_total{{{NODE}}}{RATE})"),
                        "{{server}} evicted",
                    ),
                    unit="ops",
                ),
                panel(
                    "Connections in use",
                    Query(
                        _used("redis_server_connections", "redis_server_connections_max", "server"),
                        "{{server}}",
                    ),
                    unit="percent",
                    warn_at=80,
                ),
                panel(
                    "Calls of the nodes",
                    Query(
                        f"sum by (operation) (rate(redis_operations{{{NODE}}}{RATE}))",
                        "{{operation}}",
                    ),
                    unit="ops",
                ),
            ),
        ),
        Row(
            "Brokers",
            (
                panel(
                    "Up",
                    Query(_top(f"queue_server_up{{{NODE}}}"), "{{broker}} {{server}}"),
                    kind="stat",
                    warn_at=1,
                    below=True,
                ),
                panel(
                    "Depth",
                    Query(f"topk(10, {_top(f'queue_depth{{{NODE}}}')})", "{{queue}}"),
                    warn_at=1000,
                ),
                panel(
                    "How long messages wait",
                    Query(f"topk(10, {_top(f'queue_latency_seconds{{{NODE}}}')})", "{{queue}}"),
                    unit="s",
                    warn_at=5,
                ),
                panel("Consumers", Query(_top(f"queue_consumers{{{NODE}}}"), "{{queue}}")),
                panel(
                    "Dead letters",
                    Query(_top(f"queue_dead_letters{{{NODE}}}"), "{{queue}}"),
                    warn_at=1,
                ),
                panel(
                    "Delivered",
                    Query(
                        f"topk(10, {_top(f'rate(queue_delivered_total{{{NODE}}}{RATE})')})",
                        "{{queue}}",
                    ),
                    unit="ops",
                ),
            ),
        ),
    ),
)
