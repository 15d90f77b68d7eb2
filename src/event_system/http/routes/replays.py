"""Showing a listener stored events again: starting that, looking at it, cancelling it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, PathParameter

from event_system.http import views
from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY, NewReplay
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import (
    REPLAY,
    REPLAY_CANCELLED,
    REPLAYS,
    shown,
)
from event_system.http.replies import json_reply
from event_system.http.routes.listeners import AnyRequest, Name, named
from event_system.kernel.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    ListenerNotFoundError,
    ReplayNotFoundError,
    ReplayRunningError,
    SyncListenerError,
    UnavailableError,
)

Id: TypeAlias = Annotated[int, PathParameter(description="The replay's number.")]
Body: TypeAlias = Annotated[
    NewReplay,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[
            shown("offset", "from an offset on", {"from": 1200, "rate": 500}),
            shown("missed", "what was missed since yesterday", {"from": "-1d", "mode": "missed"}),
        ],
    ),
]


@post(
    "/api/listeners/{name:str}/replays",
    status_code=200,
    operation_id="startReplay",
    tags=["replays"],
    summary="Show a listener stored events again",
    description=(
        "Beside its live delivery, whose cursor stays where it is, and up to where that stands "
        "now. `all` shows all events, `missed` dead letters and what came before the listener "
        "existed. A listener has one replay at a time; it survives restarts."
    ),
    request_max_body_size=MAX_BODY,
    responses=answers(
        views.Replay,
        REPLAY,
        *(ListenerNotFoundError, SyncListenerError, ReplayRunningError),
        *(InvalidRequestError, BodyTooLargeError, UnavailableError),
    ),
)
async def start_replay(
    request: AnyRequest, services: NamedDependency[Services], name: Name, data: Body
) -> Response[bytes]:
    wanted = data.wanted(services.clock.now_us())
    started = await services.replays.start(
        named(request), wanted.from_, wanted.until, mode=data.mode, rate=data.rate
    )
    return json_reply(started)


@get(
    "/api/listeners/{name:str}/replays",
    operation_id="listReplays",
    tags=["replays"],
    summary="List a listener's replays",
    description="The newest first; of those that have ended the newest 100 are kept.",
    responses=answers(views.Replays, REPLAYS, ListenerNotFoundError),
)
async def list_replays(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    listener = named(request)
    found = await services.replays.list(listener)
    if not found and all(each.name != listener for each in services.deliveries.listeners()):
        raise ListenerNotFoundError(f"no listener is called {listener[:100]!r}", where=listener)
    return json_reply({"replays": found})


@get(
    "/api/listeners/{name:str}/replays/{replay:int}",
    operation_id="getReplay",
    tags=["replays"],
    summary="Look at one replay",
    description="How far it is, how fast it goes, and when it will probably be done.",
    responses=answers(views.Replay, REPLAY, ReplayNotFoundError),
)
async def get_replay(
    request: AnyRequest, services: NamedDependency[Services], name: Name, replay: Id
) -> Response[bytes]:
    return json_reply(await services.replays.get(named(request), replay))


@delete(
    "/api/listeners/{name:str}/replays/{replay:int}",
    status_code=200,
    operation_id="cancelReplay",
    tags=["replays"],
    summary="Cancel a replay",
    description=(
        "It ends where it stands; what was handled stays handled. The handler that is running may "
        "finish, for 5 seconds. Harmless where it has ended."
    ),
    responses=answers(
        views.Replay,
        REPLAY_CANCELLED,
        *(ListenerNotFoundError, ReplayNotFoundError, UnavailableError),
    ),
)
async def cancel_replay(
    request: AnyRequest, services: NamedDependency[Services], name: Name, replay: Id
) -> Response[bytes]:
    return json_reply(await services.replays.cancel(named(request), replay))


ROUTES = (start_replay, list_replays, get_replay, cancel_replay)
