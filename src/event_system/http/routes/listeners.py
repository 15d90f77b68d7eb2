"""Looking at listeners."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter

from event_system.http import views
from event_system.http.app import Services
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import LISTENER, LISTENERS
from event_system.http.query import rest_of_path
from event_system.http.replies import json_reply
from event_system.kernel.errors import ListenerNotFoundError

_LISTENERS = b"/api/listeners/"


@get(
    "/api/listeners",
    operation_id="listListeners",
    tags=["listeners"],
    summary="List listeners",
    description="All listeners, ordered by name, with lag, rates, errors and cursors.",
    responses=answers(views.Listeners, LISTENERS),
)
async def list_listeners(services: NamedDependency[Services]) -> Response[bytes]:
    return json_reply({"listeners": services.deliveries.listeners()})


@get(
    "/api/listeners/{name:path}",
    operation_id="getListener",
    tags=["listeners"],
    summary="Look at one listener",
    responses=answers(views.Listener, LISTENER, ListenerNotFoundError),
)
async def get_listener(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    name: Annotated[str, PathParameter(description="The listener's name, percent-encoded.")],
) -> Response[bytes]:
    wanted = rest_of_path(request.scope["raw_path"], _LISTENERS)
    for status in services.deliveries.listeners():
        if status.name == wanted:
            return json_reply(status)
    raise ListenerNotFoundError(f"no listener is called {wanted[:100]!r}", where=wanted[:100])


ROUTES = (list_listeners, get_listener)
