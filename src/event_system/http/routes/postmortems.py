"""Postmortems: documents that follow incidents, and their action items."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, PathParameter

from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY, instant_us
from event_system.http.incident_views import (
    ItemBody,
    NewPostmortem,
    PostmortemChange,
    PostmortemList,
    PostmortemView,
    postmortem_view,
    without_document,
)
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import shown
from event_system.http.openapi.incident_examples import POSTMORTEM, POSTMORTEMS
from event_system.http.query import segment_of_path
from event_system.http.replies import json_reply
from event_system.http.routes.incidents import (
    AnyRequest,
    Id,
    expected_version,
    manager_of,
    who_asks,
)
from event_system.incidents.postmortem import MAX_MARKDOWN, Change, ItemChange, Postmortem
from event_system.kernel.errors import (
    BodyTooLargeError,
    IncidentChangedError,
    IncidentNotFoundError,
    IncidentsDisabledError,
    IncidentTransitionError,
    InvalidIncidentError,
    InvalidRequestError,
    PostmortemNotFoundError,
    StorageError,
)

_POSTMORTEMS: Final = b"/api/postmortems/"
_CHANGES: Final = (
    *(PostmortemNotFoundError, IncidentChangedError, InvalidIncidentError, InvalidRequestError),
    *(BodyTooLargeError, IncidentsDisabledError, StorageError),
)
Number = Annotated[int, PathParameter(description="The item's number.", ge=1, le=1_000_000)]


def _id(request: AnyRequest) -> str:
    return segment_of_path(request.scope["raw_path"], _POSTMORTEMS)


def _reply(postmortem: Postmortem, now_us: int) -> Response[bytes]:
    reply = json_reply(postmortem_view(postmortem, now_us))
    reply.headers |= {"etag": f'"{postmortem.version}"'}
    return reply


@get(
    "/api/postmortems",
    operation_id="listPostmortems",
    tags=["incidents"],
    summary="List postmortems",
    description="The newest first, with their action items; without their documents.",
    responses=answers(PostmortemList, POSTMORTEMS, IncidentsDisabledError),
)
async def list_postmortems(services: NamedDependency[Services]) -> Response[bytes]:
    now_us = services.clock.now_us()
    found = manager_of(services).postmortems.all()
    shown_ = [without_document(postmortem_view(each, now_us)) for each in found]
    return json_reply(PostmortemList(shown_))


@get(
    "/api/postmortems/{id:str}",
    operation_id="getPostmortem",
    tags=["incidents"],
    summary="Look at one postmortem",
    responses=answers(PostmortemView, POSTMORTEM, PostmortemNotFoundError, IncidentsDisabledError),
)
async def get_postmortem(
    request: AnyRequest, services: NamedDependency[Services], id: Id
) -> Response[bytes]:
    manager = manager_of(services)
    return _reply(manager.postmortems.get(_id(request)), services.clock.now_us())


@post(
    "/api/postmortems/{id:str}",
    status_code=200,
    operation_id="startPostmortem",
    tags=["incidents"],
    summary="Begin a postmortem",
    description="Its document is prefilled from the incident. One for each incident that is over.",
    request_max_body_size=MAX_BODY,
    responses=answers(
        PostmortemView,
        POSTMORTEM,
        *(IncidentNotFoundError, IncidentTransitionError, InvalidRequestError),
        *(BodyTooLargeError, IncidentsDisabledError, StorageError),
    ),
)
async def start_postmortem(
    request: AnyRequest,
    services: NamedDependency[Services],
    id: Id,
    data: Annotated[
        NewPostmortem | None,
        BodyKwarg(
            media_type=RequestEncodingType.JSON,
            examples=[shown("body", "in Chinese", {"language": "zh"})],
        ),
    ] = None,
) -> Response[bytes]:
    language = (data or NewPostmortem()).language
    who = who_asks(request, services)
    made = await manager_of(services).start_postmortem(_id(request), who, language)
    return _reply(made, services.clock.now_us())


@put(
    "/api/postmortems/{id:str}",
    operation_id="changePostmortem",
    tags=["incidents"],
    summary="Change a postmortem",
    description="Its document, or whether it is finished.",
    request_max_body_size=4 * MAX_MARKDOWN + MAX_BODY,
    responses=answers(PostmortemView, POSTMORTEM, *_CHANGES),
)
async def change_postmortem(
    request: AnyRequest,
    services: NamedDependency[Services],
    id: Id,
    data: Annotated[
        PostmortemChange,
        BodyKwarg(
            media_type=RequestEncodingType.JSON,
            examples=[shown("body", "finished", {"done": True, "version": 2})],
        ),
    ],
) -> Response[bytes]:
    version = expected_version(request) or data.version
    change = Change(markdown=data.markdown, is_done=data.done, version=version)
    return await _changed(request, services, change)


@post(
    "/api/postmortems/{id:str}/items",
    status_code=200,
    operation_id="addPostmortemItem",
    tags=["incidents"],
    summary="Add an action item",
    description="It is tracked until it is done; its owner is reminded daily once it is overdue.",
    request_max_body_size=MAX_BODY,
    responses=answers(PostmortemView, POSTMORTEM, *_CHANGES),
)
async def add_item(
    request: AnyRequest,
    services: NamedDependency[Services],
    id: Id,
    data: Annotated[
        ItemBody,
        BodyKwarg(
            media_type=RequestEncodingType.JSON,
            examples=[
                shown(
                    "body",
                    "with owner and date",
                    {"text": "Grow the disk", "owner": "bob", "due": "2026-12-01T12:00:00Z"},
                )
            ],
        ),
    ],
) -> Response[bytes]:
    return await _changed(request, services, _item_change(request, data, None))


@put(
    "/api/postmortems/{id:str}/items/{number:int}",
    operation_id="changePostmortemItem",
    tags=["incidents"],
    summary="Change an action item",
    request_max_body_size=MAX_BODY,
    responses=answers(PostmortemView, POSTMORTEM, *_CHANGES),
)
async def change_item(
    request: AnyRequest,
    services: NamedDependency[Services],
    id: Id,
    number: Number,
    data: Annotated[
        ItemBody,
        BodyKwarg(
            media_type=RequestEncodingType.JSON,
            examples=[shown("body", "done", {"state": "done"})],
        ),
    ],
) -> Response[bytes]:
    return await _changed(request, services, _item_change(request, data, number))


def _item_change(request: AnyRequest, body: ItemBody, number: int | None) -> Change:
    due_us = None
    if body.due is not None:
        due_us = instant_us(body.due, "due") if body.due else 0
    item = ItemChange(id=number, text=body.text, owner=body.owner, due_us=due_us, state=body.state)
    return Change(item=item, version=expected_version(request) or body.version)


async def _changed(request: AnyRequest, services: Services, change: Change) -> Response[bytes]:
    who = who_asks(request, services)
    made = await manager_of(services).change_postmortem(_id(request), who, change)
    return _reply(made, services.clock.now_us())


ROUTES = (
    list_postmortems,
    get_postmortem,
    start_postmortem,
    change_postmortem,
    add_item,
    change_item,
)
