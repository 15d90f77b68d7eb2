"""Puts the application together: routes, checks before them, problem answers after them.

Importing this module loads the web framework; `app.py` does so when it is needed.
"""

from __future__ import annotations

from functools import partial

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from event_system.http.access import refuse_packed_bodies, refuse_unknown_parameters, require_key
from event_system.http.alertmanager.services import ApiServices
from event_system.http.app import Services
from event_system.http.bodies import ApiRequest
from event_system.http.failures import handlers
from event_system.http.manual.manual import Manual
from event_system.http.openapi.document import document
from event_system.http.routes import (
    alertmanager,
    cache,
    cluster,
    dead_letters,
    docs,
    events,
    health,
    incident_links,
    incidents,
    intake,
    listeners,
    on_call,
    on_call_overrides,
    postmortems,
    prometheus,
    remote_write,
    replays,
    reports,
    rum,
    scheduled,
    schedules,
    subjects,
    types,
)
from event_system.kernel.errors import AlertingOffError

ROUTES = (
    *intake.ROUTES,
    *events.ROUTES,
    *scheduled.ROUTES,
    *schedules.ROUTES,
    *subjects.ROUTES,
    *listeners.ROUTES,
    *replays.ROUTES,
    *types.ROUTES,
    *dead_letters.ROUTES,
    *cache.ROUTES,
    *cluster.ROUTES,
    *incidents.ROUTES,
    *postmortems.ROUTES,
    *incident_links.ROUTES,
    *reports.ROUTES,
    *on_call.ROUTES,
    *on_call_overrides.ROUTES,
    *rum.ROUTES,
    *health.ROUTES,
    *docs.ROUTES,
)


def build(services: Services) -> Litestar:
    """The application. Logging is the node's business, so the framework's is off."""
    dependencies = {
        "services": Provide(lambda: services, sync_to_thread=False),
        "manual": Provide(lambda: manual, sync_to_thread=False),
    }
    manual = Manual(lambda: document(ROUTES, dependencies, services.version))
    return Litestar(
        [*ROUTES, *prometheus.ROUTES, *remote_write.ROUTES, *alertmanager.ROUTES],
        state=State({"alerting": partial(_alerting, services)}),
        dependencies=dependencies,
        guards=[refuse_unknown_parameters, refuse_packed_bodies, require_key(services)],
        exception_handlers=handlers(services.new_trace_id),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        request_class=ApiRequest,
    )


def _alerting(services: Services) -> ApiServices:
    if (found := services.alerting()) is None:
        raise AlertingOffError
    return found
