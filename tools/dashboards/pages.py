"""The files of deploy/grafana/ and what is in each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tools.dashboards import (
    browsers,
    database,
    events,
    incidents,
    overview,
    service,
    system,
)
from tools.dashboards.panels import Dashboard, to_json

DASHBOARDS: dict[str, Dashboard] = {
    "overview_dashboard.json": overview.DASHBOARD,
    "system_dashboard.json": system.DASHBOARD,
    "service_dashboard.json": service.DASHBOARD,
    "database_dashboard.json": database.DASHBOARD,
    "event_dashboard.json": events.DASHBOARD,
    "incident_dashboard.json": incidents.DASHBOARD,
    "browser_dashboard.json": browsers.DASHBOARD,
}
PAGES: dict[str, Callable[[], str]] = {
    f"deploy/grafana/{name}": partial(to_json, dashboard) for name, dashboard in DASHBOARDS.items()
}
