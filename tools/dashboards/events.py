"""Events on their way through: how many, how fast, how they end."""

from __future__ import annotations

from tools.dashboards.panels import Dashboard, Panel, Query, Row, panel

NODE = 'job=~"$job", instance=~"$instance"'
RATE = "[$__rate_interval]"


def _quantiles(title: str, histogram: str, unit: str = "s", **looks: float) -> Panel:
    """The median, and what one in twenty and one in a hundred go beyond."""
    buckets = f"sum by (le) (rate({histogram}_bucket{{{NODE}}}{RATE}))"
    queries = [
        Query(f"histogram_quantile({part}, {buckets})", f"p{part * 100:g}")
        for part in (0.5, 0.95, 0.99)
    ]
    return panel(title, *queries, unit=unit, **looks)


def _business(title: str, kind: str) -> Panel:
    return panel(title, Query(f"sum({kind}_event_rate{{{NODE}}})", "per second"), width=6)


DASHBOARD = Dashboard(
    uid="event-system-events",
    title="Events",
    rows=(
        Row(
            "In",
            (
                panel(
                    "By type",
                    Query(
                        f"topk(10, sum by (type) (rate(events_triggered_total{{{NODE}}}{RATE})))",
                        "{{type}}",
                    ),
                    unit="ops",
                ),
                panel(
                    "Duplicates",
                    Query(f"sum(rate(events_duplicate_total{{{NODE}}}{RATE}))", "duplicates"),
                    unit="ops",
                ),
                panel("Newest offset", Query(f"eventlog_head_offset{{{NODE}}}", "{{instance}}")),
            ),
        ),
        Row(
            "Log",
            (
                _quantiles("Commit", "eventlog_commit_duration_seconds"),
                _quantiles("Events in a commit", "eventlog_commit_events", "short"),
                panel(
                    "Commits",
                    Query(
                        f"rate(eventlog_commit_duration_seconds_count{{{NODE}}}{RATE})",
                        "{{instance}}",
                    ),
                    unit="ops",
                ),
            ),
        ),
        Row(
            "Delivery",
            (
                _quantiles(
                    "From trigger to the end of a call",
                    "event_processing_latency_seconds",
                    warn_at=0.1,
                ),
                panel(
                    "Success",
                    Query(f"event_processing_success_rate{{{NODE}}}", "{{instance}}"),
                    unit="percent",
                    warn_at=99.9,
                    below=True,
                ),
                panel(
                    "Lag",
                    Query(f"sum by (listener) (listener_lag{{{NODE}}})", "{{listener}}"),
                ),
                panel(
                    "How long calls take",
                    Query(
                        f"sum by (le) (rate(listener_duration_seconds_bucket{{{NODE}}}{RATE}))",
                        "{{le}}",
                    ),
                    kind="heatmap",
                    unit="s",
                ),
                panel(
                    "Delayed events that wait",
                    Query(f"scheduled_events_waiting{{{NODE}}}", "{{instance}}"),
                ),
                _quantiles("Delay of what was due", "scheduled_firing_delay_seconds"),
            ),
        ),
        Row(
            "A game's events",
            (
                _business("Logins", "player_login"),
                _business("Logouts", "player_logout"),
                _business("Levels gained", "player_level_up"),
                _business("Activities begun", "activity_start"),
                _business("Activities ended", "activity_end"),
            ),
        ),
    ),
)
