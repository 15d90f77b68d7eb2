"""Looking at stored events: history, one event, live stream, self-test."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.types import ASGIApp

from event_system.events.event import cloudevent
from event_system.events.ports import DeliveryFilter, DeliveryStatus, Filter, Page
from event_system.events.where import parse_where
from event_system.http import views
from event_system.http.app import Services
from event_system.http.openapi.answers import (
    UNREADABLE,
    answers,
    line_answers,
    stream_answers,
)
from event_system.http.openapi.examples import EVENT_DETAIL, EVENT_PAGE, SELF_TEST
from event_system.http.openapi.forms import CONDITIONS, FIELDS, MOMENT, PATTERN
from event_system.http.query import Cursors, moment_us, parse_fields, rest_of_path, select
from event_system.http.replies import json_reply
from event_system.http.searching import MAX_WAIT_SECONDS, search
from event_system.http.selftest import SelfTest
from event_system.http.sse import LiveResponse
from event_system.kernel.errors import (
    EventNotFoundError,
    InvalidPatternError,
    InvalidQueryError,
    ListenerNotFoundError,
    StoppingError,
    TooManyStreamsError,
)
from event_system.kernel.patterns import parse_pattern

_EVENTS = b"/api/events/"
_UNAVAILABLE = 503
_LINES = (b"content-type", b"application/x-ndjson")

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
_MOMENT = "RFC 3339 (`2026-11-21T12:00:00Z`), `now`, or a time ago (`-15m`; ms, s, m, h, d)."
Since: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"Received at or after: {_MOMENT}", schema_extra=MOMENT)
]
Until: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"Received before: {_MOMENT}", schema_extra=MOMENT)
]
Where: TypeAlias = Annotated[
    list[str] | None,
    QueryParameter(
        description=(
            "A condition on the data: a path, one of `=`, `!=`, `<`, `<=`, `>`, `>=`, and a JSON "
            "value or plain text (`data.level>=10`, `data.items[0].id=7`, "
            '`data["odd name"]!=x`), or `exists` (`data.guild exists`). Up to 8; all must hold.'
        ),
        schema_extra=CONDITIONS,
    ),
]
Status: TypeAlias = Annotated[
    DeliveryStatus | None,
    QueryParameter(
        description=(
            "Events whose delivery, to `listener` or to any, is in this state, as the deliveries "
            "of one event show it."
        )
    ),
]
ListenerName: TypeAlias = Annotated[
    str | None, QueryParameter(description="Exactly this listener; goes with `status`.")
]
Order: TypeAlias = Annotated[
    Literal["newest", "oldest"], QueryParameter(description="Which events come first.")
]
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000, description="Events a page.")]
Cursor: TypeAlias = Annotated[
    str | None,
    QueryParameter(description="`next` of the page before; all else must stay the same."),
]
Wait: TypeAlias = Annotated[
    float,
    QueryParameter(
        ge=0.0,
        le=MAX_WAIT_SECONDS,
        description="Seconds for which a search with `where` or `status` may go on to fill the page.",
    ),
]
Fields: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="Attributes to answer, by commas; `extensions` names all others.",
        schema_extra=FIELDS,
    ),
]


@get(
    "/api/events",
    operation_id="listEvents",
    tags=["events"],
    summary="Find events",
    description=(
        "A page of the events that match; `next` continues, null ends. A search with `where` or "
        "`status` ends after some hundredths of a second, or after `wait` seconds: its page may "
        "then be short or empty, `searched_to` says how far it came, and `next` goes on."
    ),
    responses=answers(
        views.EventPage, EVENT_PAGE, InvalidPatternError, ListenerNotFoundError, *UNREADABLE
    ),
)
async def list_events(
    services: NamedDependency[Services],
    type_: Type = None,
    source: Source = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    status: Status = None,
    listener: ListenerName = None,
    order: Order = "newest",
    limit: Limit = 50,
    cursor: Cursor = None,
    wait: Wait = 0.0,
    fields: Fields = None,
) -> Response[bytes]:
    wanted = _filter(services, type_, source, subject, since, until, where)
    chosen = parse_fields(fields)
    delivery = _delivery_filter(status, listener)
    marks = () if delivery is None else (status, listener)
    cursors = Cursors(type_, source, subject, since, until, order, *(where or ()), *marks)
    newest_first = order == "newest"

    async def find(limit: int, cursor: int | None) -> Page:
        if delivery is None:
            return await services.history.find(
                wanted, limit=limit, newest_first=newest_first, cursor=cursor
            )
        return await services.deliveries.find(
            wanted, delivery, limit=limit, newest_first=newest_first, cursor=cursor
        )

    page = await search(find, limit, cursors.decode(cursor), wait, services.clock.monotonic)
    events = [select(cloudevent(event), chosen) for event in page.events]
    answer: dict[str, Any] = {"events": events, "next": cursors.encode(page.next)}
    if page.next is not None and len(events) < limit:
        answer["searched_to"] = page.next
    return json_reply(answer)


def _filter(
    services: Services,
    type_: str | None,
    source: str | None,
    subject: str | None,
    since: str | None,
    until: str | None,
    where: list[str] | None,
) -> Filter:
    """The filter that the parameters say. Raises `InvalidQueryError`, `InvalidPatternError`."""
    now_us = services.clock.now_us()
    if type_ is not None:
        parse_pattern(type_)
    return Filter(
        pattern=type_,
        source=source,
        subject=subject,
        since_us=moment_us(since, "since", now_us),
        until_us=moment_us(until, "until", now_us),
        where=parse_where(where or ()),
    )


def _delivery_filter(status: DeliveryStatus | None, listener: str | None) -> DeliveryFilter | None:
    """Raises `InvalidQueryError` for a listener alone."""
    if status is None:
        if listener is not None:
            raise InvalidQueryError("`listener` goes with a `status`", where="listener")
        return None
    return DeliveryFilter(status=status, listener=listener)


@get(
    "/api/events/{event_id:path}",
    operation_id="getEvent",
    tags=["events"],
    summary="Look at one event",
    description="The newest event with this id, and how each listener stands to it.",
    responses=answers(views.EventDetail, EVENT_DETAIL, EventNotFoundError, *UNREADABLE),
)
async def get_event(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    event_id: Annotated[str, PathParameter(description="The event's id, percent-encoded.")],
    source: Source = None,
) -> Response[bytes]:
    id_ = rest_of_path(request.scope["raw_path"], _EVENTS)
    event = await services.history.get(id_, source)
    if event is None:
        raise EventNotFoundError(f"no event has the id {id_[:256]!r}", where=id_[:256])
    deliveries = await services.deliveries.of(event)
    return json_reply({"event": cloudevent(event), "deliveries": deliveries})


LastId: TypeAlias = Annotated[
    int | None,
    QueryParameter(ge=0, description="Resume after this offset (what `Last-Event-ID` does)."),
]
LastIdHeader: TypeAlias = Annotated[
    int | None,
    HeaderParameter(
        name="Last-Event-ID", ge=0, description="Offset of the last event that was received."
    ),
]


@get(
    "/api/events/stream",
    operation_id="streamEvents",
    tags=["events"],
    summary="Follow events live",
    description=(
        "Server-sent events. Every event comes as `event: event` with its offset as `id` and "
        "one line of CloudEvents JSON as `data`. A client that is too slow gets "
        '`event: gap` with `{"from","to"}`, the offsets between which events were left out, '
        "and goes on live. A comment comes every 15 seconds."
    ),
    responses=stream_answers(InvalidPatternError, TooManyStreamsError, StoppingError),
)
async def stream_events(
    services: NamedDependency[Services],
    type_: Type = None,
    source: Source = None,
    subject: Subject = None,
    where: Where = None,
    last_event_id: LastId = None,
    resume_after: LastIdHeader = None,
) -> ASGIApp:
    conditions = parse_where(where or ())
    wanted = Filter(pattern=type_, source=source, subject=subject, where=conditions)
    after = last_event_id if resume_after is None else resume_after
    return LiveResponse(services.tail.subscribe(wanted, after))


After: TypeAlias = Annotated[
    int, QueryParameter(ge=0, description="Begin after this offset; 0 is the beginning.")
]


@get(
    "/api/events/export",
    operation_id="exportEvents",
    tags=["events"],
    summary="Export events",
    description=(
        "Everything that is stored now and matches, oldest first, as lines of CloudEvents JSON. "
        "The header `X-Export-Through` has the offset that the export goes to. An answer that "
        "breaks off is continued with `after`, the offset of the last whole line. Empty lines "
        "come while the node searches."
    ),
    responses=line_answers(InvalidPatternError, TooManyStreamsError, *UNREADABLE),
)
async def export_events(
    services: NamedDependency[Services],
    type_: Type = None,
    source: Source = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    after: After = 0,
) -> ASGIApp:
    wanted = _filter(services, type_, source, subject, since, until, where)
    export = await services.exports.begin(services.history, services.tail, wanted, after)
    through = (b"x-export-through", b"%d" % export.through)
    return LiveResponse(export, headers=(_LINES, through))


@post(
    "/api/events/test",
    status_code=200,
    operation_id="selfTest",
    tags=["events"],
    summary="Test the whole way of an event",
    description=(
        "Triggers `system.test`, follows it for up to 5 seconds and reports each stage. The "
        "status is 503, with the same report, where a stage failed."
    ),
    responses=answers(views.SelfTestReport, SELF_TEST, also={_UNAVAILABLE: "A stage failed."}),
)
async def self_test(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    sender = services.identify(dict(request.scope["headers"]))
    report = await SelfTest(services).run(sender)
    return json_reply(report, 200 if report.ok else _UNAVAILABLE)


ROUTES = (list_events, get_event, stream_events, export_events, self_test)
