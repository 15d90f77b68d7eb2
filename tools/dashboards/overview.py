"""The whole platform at a glance."""

from __future__ import annotations

from tools.dashboards.panels import Dashboard, Query, Row, panel

NODE = 'job=~"$job", instance=~"$instance"'

DASHBOARD = Dashboard(
    uid="event-system-overview",
    title="太上老君系统概览",
    rows=(
        Row(
            "服务 Services",
            (
                panel(
                    "服务状态",
                    Query('up{job=~"laojun-.*"}', "{{job}} {{instance}}"),
                    kind="stat",
                    width=12,
                    warn_at=1,
                    below=True,
                    description="1: Prometheus reaches the service; 0: it does not.",
                ),
                panel(
                    "Nodes",
                    Query(f"time() - process_start_time_seconds{{{NODE}}}", "{{instance}}"),
                    kind="stat",
                    unit="s",
                    width=12,
                    description="How long each node has been running.",
                ),
            ),
        ),
        Row(
            "请求 Requests",
            (
                panel(
                    "请求量趋势",
                    Query("rate(http_requests_total[5m])", "{{instance}} {{route}} {{status}}"),
                    unit="reqps",
                    width=12,
                ),
                panel(
                    "Event rate",
                    Query(f"event_trigger_rate{{{NODE}}}", "{{instance}}"),
                    unit="short",
                    width=12,
                    warn_at=1000,
                    description="Events stored per second.",
                ),
            ),
        ),
        Row(
            "响应 Answers",
            (
                panel(
                    "响应时间分布",
                    Query(
                        "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m]))",
                        "{{instance}} {{route}}",
                    ),
                    unit="s",
                    width=12,
                    warn_at=1,
                    description="What 19 answers in 20 take at most, by route.",
                ),
                panel(
                    "How long answers take",
                    Query(
                        "sum by (le) (rate(http_request_duration_seconds_bucket"
                        f"{{{NODE}}}[$__rate_interval]))",
                        "{{le}}",
                    ),
                    kind="heatmap",
                    unit="s",
                    width=12,
                ),
            ),
        ),
        Row(
            "健康 Health",
            (
                panel(
                    "Success rate",
                    Query(f"event_processing_success_rate{{{NODE}}}", "{{instance}}"),
                    kind="gauge",
                    unit="percent",
                    width=6,
                    warn_at=99,
                    below=True,
                ),
                panel(
                    "CPU",
                    Query(f"system_cpu_usage{{{NODE}}}", "{{instance}}"),
                    kind="gauge",
                    unit="percent",
                    width=6,
                    warn_at=80,
                ),
                panel(
                    "Memory",
                    Query(f"system_memory_usage{{{NODE}}}", "{{instance}}"),
                    kind="gauge",
                    unit="percent",
                    width=6,
                    warn_at=80,
                ),
                panel(
                    "Disk",
                    Query(f"system_disk_usage{{{NODE}}}", "{{instance}}"),
                    kind="gauge",
                    unit="percent",
                    width=6,
                    warn_at=80,
                ),
            ),
        ),
        Row(
            "事件 Events",
            (
                panel(
                    "Processing latency",
                    Query(f"event_processing_latency{{{NODE}}}", "{{instance}}"),
                    unit="ms",
                    warn_at=200,
                ),
                panel(
                    "Listener lag",
                    Query(f"sum by (listener) (listener_lag{{{NODE}}})", "{{listener}}"),
                ),
                panel(
                    "Dead letters",
                    Query(f"sum by (listener) (listener_dead{{{NODE}}})", "{{listener}}"),
                    warn_at=1,
                ),
            ),
        ),
    ),
)
