"""What a node takes in and does: requests, connections, queues, the cache."""

from __future__ import annotations

from tools.dashboards.panels import Dashboard, Query, Row, panel

NODE = 'job=~"$job", instance=~"$instance"'
RATE = "[$__rate_interval]"

DASHBOARD = Dashboard(
    uid="event-system-service",
    title="Service",
    rows=(
        Row(
            "Requests",
            (
                panel(
                    "By status",
                    Query(
                        f"sum by (status) (rate(http_requests_total{{{NODE}}}{RATE}))", "{{status}}"
                    ),
                    unit="reqps",
                ),
                panel(
                    "Refused",
                    Query(
                        f"sum by (code) (rate(events_refused_total{{{NODE}}}{RATE}))", "{{code}}"
                    ),
                    unit="reqps",
                    description="Requests to store events that were refused, by error code.",
                ),
                panel(
                    "Under way",
                    Query(f"http_requests_in_flight{{{NODE}}}", "{{instance}}"),
                    Query(f"requests_in_flight{{{NODE}}}", "{{instance}} storing events"),
                ),
                panel(
                    "Time to the answer, 19 in 20",
                    Query(
                        "histogram_quantile(0.95, sum by (route, le) "
                        f"(rate(http_request_duration_seconds_bucket{{{NODE}}}{RATE})))",
                        "{{route}}",
                    ),
                    unit="s",
                    warn_at=1,
                ),
                panel(
                    "Bytes sent",
                    Query(
                        f"sum by (route) (rate(http_response_size_bytes_sum{{{NODE}}}{RATE}))",
                        "{{route}}",
                    ),
                    unit="Bps",
                ),
                panel(
                    "Messages",
                    Query(f"sum(rate(messages_total{{{NODE}}}{RATE}))", "stored"),
                    Query(f"sum(rate(message_process_time_count{{{NODE}}}{RATE}))", "handled"),
                    unit="ops",
                ),
            ),
        ),
        Row(
            "Connections",
            (
                panel(
                    "Open",
                    Query(f"connection_count{{{NODE}}}", "{{instance}}"),
                    Query(f"connection_rate{{{NODE}}}", "{{instance}} new per second"),
                ),
                panel(
                    "Turned away",
                    Query(f"rate(http_connections_refused_total{{{NODE}}}{RATE})", "{{instance}}"),
                    unit="cps",
                ),
                panel("Live streams", Query(f"live_streams{{{NODE}}}", "{{instance}}")),
            ),
        ),
        Row(
            "Queues",
            (
                panel(
                    "Length",
                    Query(f"async_queue_length{{{NODE}}}", "{{instance}}"),
                    warn_at=1000,
                ),
                panel(
                    "Full",
                    Query(f"async_queue_full_rate{{{NODE}}}", "{{instance}}"),
                    unit="percent",
                    warn_at=1,
                    description="Seconds of the last minute in which some channel was full.",
                ),
                panel("Backlog", Query(f"event_backlog{{{NODE}}}", "{{instance}}")),
            ),
        ),
        Row(
            "Listeners",
            (
                panel(
                    "Mean time of a call",
                    Query(
                        f"sum by (listener) (rate(listener_duration_seconds_sum{{{NODE}}}{RATE}))"
                        " / "
                        f"sum by (listener) (rate(listener_duration_seconds_count{{{NODE}}}{RATE}))",
                        "{{listener}}",
                    ),
                    unit="s",
                    warn_at=0.05,
                ),
                panel(
                    "Errors",
                    Query(
                        f"sum by (listener) (rate(listener_errors_total{{{NODE}}}{RATE}))",
                        "{{listener}}",
                    ),
                    unit="ops",
                ),
                panel(
                    "Retrying and dead",
                    Query(f"sum(listener_retrying{{{NODE}}})", "retrying"),
                    Query(f"sum(listener_dead{{{NODE}}})", "dead"),
                ),
            ),
        ),
        Row(
            "Cache",
            (
                panel(
                    "Hit rate",
                    Query(f"cache_hit_rate{{{NODE}}}", "{{instance}}"),
                    unit="percent",
                    warn_at=85,
                    below=True,
                ),
                panel(
                    "Look-ups",
                    Query(f"sum by (level) (rate(cache_hits_total{{{NODE}}}{RATE}))", "{{level}}"),
                    Query(f"sum(rate(cache_misses_total{{{NODE}}}{RATE}))", "missed"),
                    unit="ops",
                ),
                panel("Size", Query(f"cache_size_bytes{{{NODE}}}", "{{instance}}"), unit="bytes"),
            ),
        ),
    ),
)
