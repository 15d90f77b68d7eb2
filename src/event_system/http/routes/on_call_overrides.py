"""Overrides: who stands in for whom."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, PathParameter, QueryParameter

from event_system.http import on_call_views as views
from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY
from event_system.http.on_call_bodies import NewOverride
from event_system.http.openapi import on_call_examples as examples
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import shown
from event_system.http.openapi.on_call_operations import ImportOperation
from event_system.http.replies import json_reply
from event_system.http.routes.on_call import (
    AnyRequest,
    From,
    Until,
    caller,
    moment,
    on_call_of,
)
from event_system.kernel.clock import LAST_US
from event_system.kernel.errors import (
    BodyTooLargeError,
    CalendarFileError,
    InvalidOverrideError,
    InvalidRequestError,
    OnCallNotFoundError,
    OnCallOffError,
    OverrideLimitError,
    OverrideNotFoundError,
    OverridePastError,
    StorageError,
)
from event_system.kernel.spans import Span
from event_system.kernel.threads import in_thread
from event_system.oncall.ical.reading import MAX_BYTES, read_events
from event_system.oncall.ical.using import named_people
from event_system.oncall.overrides import DAY_US, Override
from event_system.oncall.roster import override_of

IMPORT_US: Final = 366 * DAY_US
MAX_IMPORTED: Final = 1000

OfSchedule: TypeAlias = Annotated[str | None, QueryParameter(description="Of this schedule only.")]
ForSchedule: TypeAlias = Annotated[str, QueryParameter(description="For this schedule.")]
Id: TypeAlias = Annotated[str, PathParameter(description="The override's id.")]
Body: TypeAlias = Annotated[
    NewOverride,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[shown("override", "somebody stands in", examples.NEW_OVERRIDE)],
    ),
]
_CHANGES: Final = (
    *(OnCallNotFoundError, InvalidOverrideError, InvalidRequestError, BodyTooLargeError),
    *(OverrideLimitError, StorageError, OnCallOffError),
)


@get(
    "/api/on-call/overrides",
    operation_id="listOverrides",
    tags=["on-call"],
    summary="List overrides",
    description="Those that are not over, or that meet a span; ordered by their start.",
    responses=answers(views.OverrideList, examples.OVERRIDES, OnCallOffError),
)
async def list_overrides(
    services: NamedDependency[Services],
    schedule: OfSchedule = None,
    from_: From = None,
    until: Until = None,
) -> Response[bytes]:
    now_us = services.clock.now_us()
    start_us = moment(from_, "from", now_us)
    end_us = LAST_US if until is None else moment(until, "until", now_us)
    found = [
        each
        for each in on_call_of(services).overrides.all()
        if each.start_us < end_us and each.end_us > start_us and schedule in {None, each.schedule}
    ]
    return json_reply(views.override_list(found))


@post(
    "/api/on-call/overrides",
    status_code=200,
    operation_id="addOverride",
    tags=["on-call"],
    summary="Let somebody stand in",
    description=(
        "It is durable when the answer comes. It never begins before now; of two that meet, the "
        "one made later counts."
    ),
    request_max_body_size=MAX_BODY,
    responses=answers(views.OverrideView, examples.OVERRIDE, *_CHANGES),
)
async def add_override(
    request: AnyRequest, services: NamedDependency[Services], data: Body
) -> Response[bytes]:
    wanted = data.wanted(services.clock.now_us(), caller(request, services))
    (made,) = await on_call_of(services).stand_in([wanted])
    return json_reply(views.override_view(made))


@post(
    "/api/on-call/overrides/import",
    status_code=200,
    operation_class=ImportOperation,
    operation_id="importOverrides",
    tags=["on-call"],
    summary="Read overrides from an iCalendar text",
    description=(
        "The events of the coming 366 days, what repeats included, each of which names a person: "
        "by its title or by the address of who attends. All or none."
    ),
    request_max_body_size=MAX_BYTES,
    responses=answers(views.OverrideList, examples.OVERRIDES, CalendarFileError, *_CHANGES),
)
async def import_overrides(
    request: AnyRequest, services: NamedDependency[Services], schedule: ForSchedule
) -> Response[bytes]:
    on_call, now_us = on_call_of(services), services.clock.now_us()
    zone, by = on_call.plan.schedule(schedule).zone, caller(request, services)
    body = await request.body()

    def wanted() -> list[Override]:
        within = Span(now_us, now_us + IMPORT_US)
        return [
            override_of(schedule, people[0], span, by, event.summary[:100])
            for people, event in named_people(read_events(body, zone), on_call.plan.people)
            for span in event.occurrences(within)
        ]

    found = await in_thread(wanted)
    if not 1 <= len(found) <= MAX_IMPORTED:
        raise CalendarFileError(
            f"the text has {len(found)} events in the coming 366 days; 1 to {MAX_IMPORTED} are read"
        )
    return json_reply(views.override_list(await on_call.stand_in(found)))


@get(
    "/api/on-call/overrides/{override:str}",
    operation_id="getOverride",
    tags=["on-call"],
    summary="Look at one override",
    responses=answers(views.OverrideView, examples.OVERRIDE, OverrideNotFoundError, OnCallOffError),
)
async def get_override(services: NamedDependency[Services], override: Id) -> Response[bytes]:
    return json_reply(views.override_view(on_call_of(services).overrides.get(override)))


@put(
    "/api/on-call/overrides/{override:str}",
    status_code=200,
    operation_id="changeOverride",
    tags=["on-call"],
    summary="Change an override",
    description="Of one that has begun only the end and the note can change.",
    request_max_body_size=MAX_BODY,
    responses=answers(
        views.OverrideView,
        examples.OVERRIDE,
        *(OverrideNotFoundError, OverridePastError),
        *_CHANGES,
    ),
)
async def change_override(
    request: AnyRequest, services: NamedDependency[Services], override: Id, data: Body
) -> Response[bytes]:
    wanted = data.wanted(services.clock.now_us(), caller(request, services))
    return json_reply(views.override_view(await on_call_of(services).change(override, wanted)))


@delete(
    "/api/on-call/overrides/{override:str}",
    status_code=200,
    operation_id="deleteOverride",
    tags=["on-call"],
    summary="End an override",
    description=(
        "One that is to come is forgotten; one that has begun ends now. The answer is what it was."
    ),
    responses=answers(
        views.OverrideView,
        examples.OVERRIDE,
        *(OverrideNotFoundError, OverridePastError, StorageError, OnCallOffError),
    ),
)
async def delete_override(services: NamedDependency[Services], override: Id) -> Response[bytes]:
    return json_reply(views.override_view(await on_call_of(services).end(override)))


ROUTES = (
    *(list_overrides, add_override, import_overrides),
    *(get_override, change_override, delete_override),
)
