"""Cron schedules: looking at them, changing them, firing one now."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import PathParameter

from event_system.http import views
from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import RECEIPT, SCHEDULE, SCHEDULES
from event_system.http.openapi.schedule_body import PutScheduleOperation
from event_system.http.query import segment_of_path
from event_system.http.receipts import encode_results, members_of
from event_system.http.replies import json_reply
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import (
    BodyTooLargeError,
    InvalidEventError,
    InvalidScheduleError,
    MalformedBodyError,
    ScheduleConflictError,
    ScheduleNotFoundError,
    StoppingError,
    StorageError,
    TooManySchedulesError,
)
from event_system.scheduling.ports import KeptSchedule
from event_system.scheduling.schedule import as_json, decode_schedule

_SCHEDULES = b"/api/schedules/"
_UNABLE: Final = (StorageError, StoppingError)
_UNCHANGED: Final = (ScheduleConflictError, *_UNABLE)

AnyRequest: TypeAlias = "Request[Any, Any, Any]"
Name: TypeAlias = Annotated[str, PathParameter(description="The schedule's name.")]


def _name(request: AnyRequest) -> str:
    return segment_of_path(request.scope["raw_path"], _SCHEDULES)


def _reply(services: Services, kept: KeptSchedule) -> Response[bytes]:
    return json_reply(_view(kept, services.schedules.due_of(kept.name)))


def _view(kept: KeptSchedule, due_us: int | None) -> dict[str, Any]:
    return {
        "name": kept.name,
        **as_json(kept.definition),
        "next": None if due_us is None else rfc3339(due_us),
        "last": None if kept.fired_us is None else rfc3339(kept.fired_us),
        "last_offset": kept.last_offset,
        "fired": kept.fired,
    }


@get(
    "/api/schedules",
    operation_id="listSchedules",
    tags=["schedules"],
    summary="List schedules",
    description="All schedules, ordered by name, with their next and last firing.",
    responses=answers(views.Schedules, SCHEDULES),
)
async def list_schedules(services: NamedDependency[Services]) -> Response[bytes]:
    schedules = services.schedules
    found = [_view(each, schedules.due_of(each.name)) for each in schedules.all()]
    return json_reply({"schedules": found})


@get(
    "/api/schedules/{name:str}",
    operation_id="getSchedule",
    tags=["schedules"],
    summary="Look at one schedule",
    responses=answers(views.Schedule, SCHEDULE, ScheduleNotFoundError),
)
async def get_schedule(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    return _reply(services, services.schedules.get(_name(request)))


@put(
    "/api/schedules/{name:str}",
    status_code=200,
    operation_class=PutScheduleOperation,
    operation_id="putSchedule",
    tags=["schedules"],
    summary="Make or change a schedule",
    description=(
        "It is durable when the answer comes. A new or changed schedule fires from now on; "
        "given again unchanged it goes on as it was."
    ),
    request_max_body_size=MAX_BODY,
    responses=answers(
        views.Schedule,
        SCHEDULE,
        *(InvalidScheduleError, MalformedBodyError, TooManySchedulesError, BodyTooLargeError),
        *_UNCHANGED,
    ),
)
async def put_schedule(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    schedule = decode_schedule(await request.body())
    return _reply(services, await services.schedules.put(_name(request), schedule))


@delete(
    "/api/schedules/{name:str}",
    status_code=200,
    operation_id="deleteSchedule",
    tags=["schedules"],
    summary="Delete a schedule",
    description="It fires no more; the answer is what it was.",
    responses=answers(views.Schedule, SCHEDULE, ScheduleNotFoundError, *_UNCHANGED),
)
async def delete_schedule(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    name = _name(request)
    due_us = services.schedules.due_of(name)
    return json_reply(_view(await services.schedules.delete(name), due_us))


@post(
    "/api/schedules/{name:str}/run",
    status_code=200,
    operation_id="runSchedule",
    tags=["schedules"],
    summary="Fire a schedule now",
    description=(
        "Triggers its event once, whether or not the schedule is enabled; its times stay as "
        "they are."
    ),
    responses=answers(
        views.Receipt, RECEIPT, *(ScheduleNotFoundError, InvalidEventError), *_UNABLE
    ),
)
async def run_schedule(
    request: AnyRequest, services: NamedDependency[Services], name: Name
) -> Response[bytes]:
    row, receipt = await services.schedules.run(_name(request))
    members = members_of(row, receipt.offset)
    if receipt.results:
        members += b',"results":' + encode_results(receipt.results)
    return json_reply(msgspec.Raw(b"{" + members + b"}"))


ROUTES = (list_schedules, get_schedule, put_schedule, delete_schedule, run_schedule)
