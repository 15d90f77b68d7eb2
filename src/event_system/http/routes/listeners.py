"""Looking at listeners; pausing, resuming and purging them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, PathParameter

from event_system.events.ports import ListenerStatus
from event_system.http import views
from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY, Pause
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import LISTENER, LISTENERS, PAUSED, REMOVED, shown
from event_system.http.query import segment_of_path
from event_system.http.replies import json_reply
from event_system.kernel.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    ListenerLoadedError,
    ListenerNotFoundError,
    SyncListenerError,
)

_LISTENERS = b"/api/listeners/"

AnyRequest: TypeAlias = "Request[Any, Any, Any]"
Name: TypeAlias = Annotated[str, PathParameter(description="The listener's name, percent-encoded.")]

PauseBody: TypeAlias = Annotated[
    Pause | None,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[shown("pause", "for two hours", {"for": "2h"})],
    ),
]


def named(request: AnyRequest) -> str:
    """The name in the path, as the client wrote it."""
    return segment_of_path(request.scope["raw_path"], _LISTENERS)


def _status(services: Services, name: str) -> ListenerStatus:
    for status in services.deliveries.listeners():
        if status.name == name:
            return status
    raise ListenerNotFoundError(f"no listener is called {name[:100]!r}", where=name[:100])


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
    "/api/listeners/{name:str}",
    operation_id="getListener",
    tags=["listeners"],
    summary="Look at one listener",
    responses=answers(views.Listener, LISTENER, ListenerNotFoundError),
)
async def get_listener(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    return json_reply(_status(services, named(request)))


@post(
    "/api/listeners/{name:str}/pause",
    status_code=200,
    operation_id="pauseListener",
    tags=["listeners"],
    summary="Pause a listener until a moment",
    description=(
        "It gets no events until then, and goes on by itself where it stood; restarts of the "
        "node change nothing. Without a body it pauses for an hour. A second pause replaces "
        "the first."
    ),
    request_max_body_size=MAX_BODY,
    responses=answers(
        views.Listener,
        PAUSED,
        *(ListenerNotFoundError, SyncListenerError, InvalidRequestError, BodyTooLargeError),
    ),
)
async def pause_listener(
    request: AnyRequest,
    services: NamedDependency[Services],
    name: Name,
    data: PauseBody = None,
) -> Response[bytes]:
    until_us = (data or Pause()).until_us(services.clock.now_us())
    await services.control.pause(named(request), until_us)
    return json_reply(_status(services, named(request)))


@post(
    "/api/listeners/{name:str}/resume",
    status_code=200,
    operation_id="resumeListener",
    tags=["listeners"],
    summary="End a listener's pause",
    description="Harmless where it is not paused. One that is switched off stays off.",
    responses=answers(views.Listener, LISTENER, ListenerNotFoundError, SyncListenerError),
)
async def resume_listener(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    await services.control.resume(named(request))
    return json_reply(_status(services, named(request)))


@delete(
    "/api/listeners/{name:str}",
    status_code=200,
    operation_id="purgeListener",
    tags=["listeners"],
    summary="Forget a removed listener",
    description=(
        "Deletes its cursors, failed deliveries and tables for good; the answer is what it "
        "was. If it comes back it begins as a new one. Only a listener in state `removed` can "
        "be purged."
    ),
    responses=answers(views.Listener, REMOVED, ListenerNotFoundError, ListenerLoadedError),
)
async def purge_listener(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    last = _status(services, named(request))
    await services.control.purge(last.name)
    return json_reply(last)


ROUTES = (list_listeners, get_listener, pause_listener, resume_listener, purge_listener)
