"""Looking at events that wait for their time, and taking them back."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from litestar import Request, Response, delete, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from event_system.events.event import cloudevent
from event_system.http import views
from event_system.http.app import Services
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import SCHEDULED_EVENT, SCHEDULED_PAGE
from event_system.http.openapi.forms import MOMENT, PATTERN
from event_system.http.query import Cursors, moment_us, rest_of_path
from event_system.http.replies import json_reply
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import (
    InvalidPatternError,
    ScheduledEventNotFoundError,
    StoppingError,
    StorageError,
)
from event_system.scheduling.ports import Waiting, WaitingFilter

_SCHEDULED = b"/api/scheduled/"
_BETWEEN = "~"

Type: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="type",
        description="Type or pattern: `*` is one segment, `>` the rest (`player.*`).",
        schema_extra=PATTERN,
    ),
]
Source: TypeAlias = Annotated[str | None, QueryParameter(description="Exactly this source.")]
Subject: TypeAlias = Annotated[str | None, QueryParameter(description="Exactly this subject.")]
Since: TypeAlias = Annotated[
    str | None,
    QueryParameter(description="Due at or after: RFC 3339, or `now`.", schema_extra=MOMENT),
]
Until: TypeAlias = Annotated[
    str | None, QueryParameter(description="Due before: RFC 3339, or `now`.", schema_extra=MOMENT)
]
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000, description="Events a page.")]
Cursor: TypeAlias = Annotated[
    str | None,
    QueryParameter(description="`next` of the page before; all else must stay the same."),
]


@get(
    "/api/scheduled",
    operation_id="listScheduledEvents",
    tags=["scheduled"],
    summary="Find events that wait",
    description="A page of the events that wait for their time, the earliest due first.",
    responses=answers(views.ScheduledPage, SCHEDULED_PAGE, InvalidPatternError),
)
async def list_scheduled(
    services: NamedDependency[Services],
    type_: Type = None,
    source: Source = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[bytes]:
    now_us = services.clock.now_us()
    cursors = Cursors("scheduled", type_, source, subject, since, until)
    page = await services.delayed.find(
        WaitingFilter(
            pattern=type_,
            source=source,
            subject=subject,
            since_us=moment_us(since, "since", now_us),
            until_us=moment_us(until, "until", now_us),
        ),
        limit=limit,
        after=_decode(cursors, cursor),
    )
    events = [scheduled_event(each) for each in page.events]
    return json_reply({"events": events, "next": _encode(cursors, page.next)})


@delete(
    "/api/scheduled/{event_id:path}",
    status_code=200,
    operation_id="cancelScheduledEvent",
    tags=["scheduled"],
    summary="Cancel an event that waits",
    description=(
        "The event will never be fired; the answer is what it was. Once it is in the log it "
        "cannot be taken back. Where several sources use this id, `source` has to be given."
    ),
    responses=answers(
        views.ScheduledEvent,
        SCHEDULED_EVENT,
        *(ScheduledEventNotFoundError, StorageError, StoppingError),
    ),
)
async def cancel_scheduled(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    event_id: Annotated[str, PathParameter(description="The event's id, percent-encoded.")],
    source: Source = None,
) -> Response[bytes]:
    id_ = rest_of_path(request.scope["raw_path"], _SCHEDULED)
    return json_reply(scheduled_event(await services.delayed.cancel(id_, source)))


def scheduled_event(waiting: Waiting) -> dict[str, Any]:
    """An event that waits, in CloudEvents form, with when it is due and was accepted."""
    members = cloudevent(waiting.event)
    del members["offset"], members["lane"]
    accepted_at = members.pop("received_at")
    return {"deliver_at": rfc3339(waiting.due_us), "accepted_at": accepted_at, **members}


def _encode(cursors: Cursors, place: tuple[int, int] | None) -> str | None:
    return place and _BETWEEN.join(cursors.encode(part) or "" for part in place)


def _decode(cursors: Cursors, cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    due_us, _, number = cursor.partition(_BETWEEN)
    return cursors.decode(due_us) or 0, cursors.decode(number) or 0


ROUTES = (list_scheduled, cancel_scheduled)
