"""Alerts and incidents: what fires, who is told, how people answer, what is left of objectives."""

from __future__ import annotations

from tools.dashboards.panels import Dashboard, Panel, Query, Row, panel

NODE = 'job=~"$job", instance=~"$instance"'
RATE = "[$__rate_interval]"


def _within(title: str, histogram: str) -> Panel:
    """What nine of ten incidents of a level stay within, of the span that is looked at."""
    buckets = f"sum by (level, le) (increase({histogram}_bucket{{{NODE}}}[$__range]))"
    return panel(
        title, Query(f"histogram_quantile(0.9, {buckets})", "{{level}}"), unit="s", kind="bargauge"
    )


def _counted(title: str, counter: str, *labels: str) -> Panel:
    """How many an hour."""
    query = f"3600 * sum by ({', '.join(labels)}) (rate({counter}{{{NODE}}}{RATE}))"
    return panel(title, Query(query, " ".join(f"{{{{{label}}}}}" for label in labels)))


DASHBOARD = Dashboard(
    uid="event-system-incidents",
    title="Alerts and incidents",
    span="now-24h",
    rows=(
        Row(
            "Alerts",
            (
                panel(
                    "Alerts that fire",
                    Query(f"sum by (state) (alertmanager_alerts{{{NODE}}})", "{{state}}"),
                    description="Suppressed: by a silence or another alert.",
                ),
                panel(
                    "Groups and silences",
                    Query(f"sum(alertmanager_dispatcher_aggregation_groups{{{NODE}}})", "groups"),
                    Query(
                        f'sum(alertmanager_silences{{{NODE}, state="active"}})', "active silences"
                    ),
                ),
                _counted(
                    "Reports of alerts an hour", "alertmanager_alerts_received_total", "status"
                ),
            ),
        ),
        Row(
            "Notifications",
            (
                _counted(
                    "Notifications an hour", "alertmanager_notifications_total", "integration"
                ),
                _counted(
                    "Notifications that failed an hour",
                    "alertmanager_notifications_failed_total",
                    "integration",
                ),
                _counted(
                    "Attempts that failed an hour",
                    "alertmanager_notification_requests_failed_total",
                    "integration",
                ),
            ),
        ),
        Row(
            "Incidents",
            (
                panel(
                    "Open",
                    Query(f"sum by (state) (incidents_open{{{NODE}}})", "{{state}}"),
                ),
                _counted("Opened an hour", "incidents_opened_total", "level", "origin"),
                _counted("Resolved an hour", "incidents_resolved_total", "level", "origin"),
            ),
        ),
        Row(
            "Response",
            (
                _within("Nine of ten are answered within", "incident_acknowledge_seconds"),
                _within("Nine of ten are over within", "incident_resolve_seconds"),
                _counted("Pages an hour", "incident_pages_total", "method", "outcome"),
            ),
        ),
        Row(
            "Objectives",
            (
                panel(
                    "Error budget left",
                    Query(
                        f"min by (service, window) (slo_error_budget_left_ratio{{{NODE}}})",
                        "{{service}} {{window}}",
                    ),
                    unit="percentunit",
                    kind="bargauge",
                    warn_at=0,
                    below=True,
                ),
                panel(
                    "Burn rate of the last hour",
                    Query(
                        "max by (service, window) "
                        f'(slo_error_budget_burn_rate{{{NODE}, over="1h"}})',
                        "{{service}} {{window}}",
                    ),
                    description="1 just uses the budget up in the window of the objective.",
                ),
                panel(
                    "Burn rate of the last six hours",
                    Query(
                        "max by (service, window) "
                        f'(slo_error_budget_burn_rate{{{NODE}, over="6h"}})',
                        "{{service}} {{window}}",
                    ),
                ),
            ),
        ),
    ),
)
