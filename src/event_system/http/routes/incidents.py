"""Incidents: finding them, looking at one, and all that operators do with one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg, PathParameter, QueryParameter

from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY
from event_system.http.incident_views import (
    MEMBERS,
    IncidentAction,
    IncidentDetail,
    IncidentList,
    detail,
    summary,
)
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import shown
from event_system.http.openapi.forms import MOMENT
from event_system.http.openapi.incident_examples import INCIDENT, INCIDENTS
from event_system.http.query import PlaceCursors, moment_us, segment_of_path
from event_system.http.replies import json_reply
from event_system.incidents.actions import VERBS, Verb
from event_system.incidents.incident import Incident, State
from event_system.incidents.levels import Level
from event_system.incidents.manager import IncidentManager
from event_system.kernel.errors import (
    BodyTooLargeError,
    IncidentChangedError,
    IncidentFullError,
    IncidentNotFoundError,
    IncidentsDisabledError,
    IncidentTransitionError,
    InvalidIncidentError,
    InvalidRequestError,
    StorageError,
)

_INCIDENTS: Final = b"/api/incidents/"
_MOMENT: Final = "RFC 3339, `now`, or a time ago (`-15m`; ms, s, m, h, d)."
_AT_ONCE: Final = 20
"""Incidents that are looked at before others have their turn: closed ones are unpacked."""
_TAG: Final = re.compile(r'(?:W/)?"?(\d{1,18})"?')

AnyRequest: TypeAlias = "Request[Any, Any, Any]"
Id: TypeAlias = Annotated[str, PathParameter(description="Such as `INC-20261121-0001`.")]
Handler: TypeAlias = Callable[..., Awaitable[Response[bytes]]]


def manager_of(services: Services) -> IncidentManager:
    """Raises `IncidentsDisabledError`."""
    found = services.incidents()
    if found is None:
        raise IncidentsDisabledError(where="incidents.enabled")
    return found


def who_asks(request: AnyRequest, services: Services) -> str:
    """The name of the request's API key."""
    return services.identify(dict(request.scope["headers"]))


def expected_version(request: AnyRequest) -> int | None:
    """That of `If-Match`. Raises `InvalidRequestError`."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    found = _TAG.fullmatch(given.strip())
    if found is None:
        raise InvalidRequestError(f"{given[:80]!r} is no version of an incident", where="If-Match")
    return int(found[1])


def _reply(manager: IncidentManager, incident: str) -> Response[bytes]:
    case = manager.get(incident)
    reply = json_reply(detail(case, manager.references(case)))
    reply.headers |= {"etag": f'"{case.incident.version}"'}
    return reply


@get(
    "/api/incidents",
    operation_id="listIncidents",
    tags=["incidents"],
    summary="Find incidents",
    description="The newest first. Without `state` those that are open.",
    responses=answers(IncidentList, INCIDENTS, IncidentsDisabledError),
)
async def list_incidents(
    services: NamedDependency[Services],
    state_: Annotated[
        State | Literal["open", "all"], QueryParameter(name="state", description="One state.")
    ] = "open",
    level: Annotated[list[Level] | None, QueryParameter(description="One or several.")] = None,
    service: Annotated[
        str | None, QueryParameter(description="Exactly this one.", max_length=200)
    ] = None,
    since: Annotated[
        str | None,
        QueryParameter(description=f"Opened at or after: {_MOMENT}", schema_extra=MOMENT),
    ] = None,
    until: Annotated[
        str | None, QueryParameter(description=f"Opened before: {_MOMENT}", schema_extra=MOMENT)
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500, description="A page's most.")] = 50,
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
) -> Response[bytes]:
    manager, now_us = manager_of(services), services.clock.now_us()
    since_us, until_us = moment_us(since, "since", now_us), moment_us(until, "until", now_us)
    cursors = PlaceCursors(state_, ",".join(level or ()), service, since, until)
    place = cursors.decode(cursor)

    def fits(incident: Incident) -> bool:
        return (
            (state_ in {"all", incident.state} or (state_ == "open" and incident.is_open))
            and (not level or incident.level in level)
            and service in {None, incident.service}
            and (since_us is None or incident.opened_us >= since_us)
            and (until_us is None or incident.opened_us < until_us)
        )

    found: list[Incident] = []
    ids = manager.book.ids() if state_ != "open" else manager.book.open_ids()
    if place is not None:
        ids = manager.book.after(ids, place[2])
    for number, id_ in enumerate(ids):
        if number % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        incident = manager.book.find(id_)
        if incident is not None and fits(incident):
            found.append(incident)
        if len(found) > limit:
            break
    is_more = len(found) > limit
    page = found[:limit]
    following = cursors.encode((0, 0, page[-1].id)) if is_more else None
    return json_reply(IncidentList([summary(each) for each in page], following))


@get(
    "/api/incidents/{id:str}",
    operation_id="getIncident",
    tags=["incidents"],
    summary="Look at one incident",
    description="With its alerts, its timeline, its pages and where its escalation stands.",
    responses=answers(IncidentDetail, INCIDENT, IncidentNotFoundError, IncidentsDisabledError),
)
async def get_incident(
    request: AnyRequest, services: NamedDependency[Services], id: Id
) -> Response[bytes]:
    id_ = segment_of_path(request.scope["raw_path"], _INCIDENTS)
    return _reply(manager_of(services), id_)


_SUMMARIES: Final[dict[Verb, tuple[str, str, dict[str, Any]]]] = {
    "acknowledge": (
        "Say that you have seen it",
        "Escalation stops, and who says so becomes the assignee where there is none.",
        {},
    ),
    "assign": ("Give it to somebody", "Who is assigned is paged.", {"assignee": "ann"}),
    "analyse": ("Write down an analysis", "", {"text": "The disk of db-1 is full."}),
    "mitigate": ("Write down what was done", "", {"text": "Moved to db-2."}),
    "update": ("Tell how it stands", "Puts off the next reminder.", {"text": "Half restored."}),
    "reclassify": ("Change the level", "A worse one pages by its methods.", {"level": "P0"}),
    "snooze": ("Page nobody for a while", "Seven days at most.", {"seconds": 3600}),
    "resolve": ("Say that it is over", "Whoever was paged hears of it.", {"text": "Disk grown."}),
    "reopen": ("Say that it is not over", "Its chain begins again.", {}),
    "merge": (
        "Take it into another one",
        "Its alerts, and those who know of it, go along.",
        {"into": "INC-20261121-0002"},
    ),
    "split": (
        "Move alerts into an incident of their own",
        "The new one is as far as this one is.",
        {"alerts": ["a1b2c3d4e5f60718"], "title": "Mail is slow"},
    ),
    "close": ("Say that nothing is to come", "After the postmortem, or without one.", {}),
}


def _acting(verb: Verb) -> HTTPRouteHandler:
    """The route of an action."""
    told, more, example = _SUMMARIES[verb]

    async def act(
        request: AnyRequest,
        services: NamedDependency[Services],
        id: Id,
        data: IncidentAction | None = None,
    ) -> Response[bytes]:
        manager = manager_of(services)
        body = data or IncidentAction()
        for name in sorted(body.given() - MEMBERS[verb] - {"text", "version"}):
            raise InvalidRequestError(f"to {verb} takes no `{name}`", where=name)
        id_ = segment_of_path(request.scope["raw_path"], _INCIDENTS)
        asked = body.request(expected_version(request))
        await manager.act(id_, verb, who_asks(request, services), asked)
        return _reply(manager, id_)

    example_of = BodyKwarg(
        media_type=RequestEncodingType.JSON, examples=[shown("body", verb, example)]
    )
    act.__annotations__["data"] = Annotated[IncidentAction | None, example_of]
    return post(
        f"/api/incidents/{{id:str}}/{verb}",
        status_code=200,
        operation_id=f"{verb}Incident",
        tags=["incidents"],
        summary=told,
        description=f"{more} With `If-Match` only where nobody has changed it since.".strip(),
        request_max_body_size=MAX_BODY,
        responses=answers(
            IncidentDetail,
            INCIDENT,
            *(IncidentNotFoundError, IncidentTransitionError, IncidentChangedError),
            *(InvalidIncidentError, InvalidRequestError, IncidentFullError, BodyTooLargeError),
            *(IncidentsDisabledError, StorageError),
        ),
    )(act)


ROUTES = (list_incidents, get_incident, *map(_acting, VERBS))
