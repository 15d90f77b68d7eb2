"""Alertmanager's API inside a node, and why an alert is told or not; docs/alerting.md tells more.

These routes are not among those of the OpenAPI document: their form is another project's.
"""

from __future__ import annotations

from litestar import Router

from event_system.http.access import READS_QUERY
from event_system.http.alertmanager.errors import HANDLERS
from event_system.http.alertmanager.own import OWN
from event_system.http.alertmanager.routes import API

ROUTES = (
    Router(
        "/",
        route_handlers=[*API, *OWN],
        exception_handlers=HANDLERS,
        opt={READS_QUERY: True},
        include_in_schema=False,
    ),
)
