"""Who is on call and who is next; feeds for calendar applications."""

from __future__ import annotations

import hmac
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import parse_qs

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from event_system.http import on_call_views as views
from event_system.http.access import OPEN
from event_system.http.app import Services
from event_system.http.openapi import on_call_examples as examples
from event_system.http.openapi.answers import answers, text_answers
from event_system.http.openapi.forms import MOMENT
from event_system.http.openapi.on_call_operations import FeedOperation
from event_system.http.query import moment_us
from event_system.http.replies import json_reply, text_reply
from event_system.kernel.clock import LAST_US, rfc3339
from event_system.kernel.errors import (
    InvalidQueryError,
    OnCallNotFoundError,
    OnCallOffError,
)
from event_system.kernel.spans import Span
from event_system.kernel.threads import in_thread
from event_system.oncall.ical.writing import MEDIA_TYPE, feed_token, write_shifts
from event_system.oncall.overrides import DAY_US
from event_system.oncall.roster import OnCall, Picture
from event_system.oncall.rotations import Shift

AnyRequest: TypeAlias = "Request[Any, Any, Any]"
LONGEST_US: Final = 100 * DAY_US
DEFAULT_US: Final = 28 * DAY_US
FEED_PAST_US: Final = 30 * DAY_US
FEED_AHEAD_US: Final = 180 * DAY_US
_LATEST_US: Final = LAST_US - 2 * 366 * DAY_US
_SUFFIX: Final = ".ics"

At: TypeAlias = Annotated[
    str | None,
    QueryParameter(description="RFC 3339, `now`, or ago; now by default.", schema_extra=MOMENT),
]
From: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        name="from", description="RFC 3339, `now`, or ago; now by default.", schema_extra=MOMENT
    ),
]
Until: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="RFC 3339; by default 28 days later, at most 100.", schema_extra=MOMENT
    ),
]
Name: TypeAlias = Annotated[str, PathParameter(description="The schedule's name.")]
File: TypeAlias = Annotated[str, PathParameter(description="A name and `.ics`.")]


def on_call_of(services: Services) -> OnCall:
    found = services.on_call()
    if found is None:
        raise OnCallOffError
    return found


def caller(request: AnyRequest, services: Services) -> str:
    return services.identify(dict(request.scope["headers"])) or "anonymous"


def moment(text: str | None, name: str, now_us: int) -> int:
    found = moment_us(text, name, now_us)
    if found is not None and found > _LATEST_US:
        raise InvalidQueryError("that is too far away", where=name)
    return now_us if found is None else found


def _span(from_: str | None, until: str | None, now_us: int) -> Span:
    start_us = moment(from_, "from", now_us)
    end_us = start_us + DEFAULT_US if until is None else moment(until, "until", now_us)
    if not start_us < end_us <= start_us + LONGEST_US:
        raise InvalidQueryError("`until` is after `from`, and within 100 days", where="until")
    return Span(start_us, end_us)


def _feed(services: Services, path: str) -> str | None:
    key = services.feed_key()
    return None if key is None else f"{path}?token={feed_token(key, path)}"


@get(
    "/api/on-call/now",
    operation_id="getOnCall",
    tags=["on-call"],
    summary="Say who is on call",
    description="Of each schedule: who answers, since when, until when, and who is next.",
    responses=answers(views.Now, examples.NOW, OnCallOffError),
)
async def now(services: NamedDependency[Services], at: At = None) -> Response[bytes]:
    on_call, now_us = on_call_of(services), services.clock.now_us()
    at_us = moment(at, "at", now_us)
    standing = await in_thread(
        lambda: [on_call.standing(name, at_us) for name in on_call.plan.schedules]
    )
    told = [views.standing_view(each) for each in standing]
    return json_reply(views.Now(rfc3339(at_us), told))


@get(
    "/api/on-call/people",
    operation_id="listPeople",
    tags=["on-call"],
    summary="List people",
    description="Those of the settings `on_call.people`, without their addresses.",
    responses=answers(views.People, examples.PEOPLE, OnCallOffError),
)
async def people(services: NamedDependency[Services]) -> Response[bytes]:
    on_call, now_us = on_call_of(services), services.clock.now_us()

    def told() -> list[views.PersonView]:
        return [
            views.person_view(
                person,
                _feed(services, f"/api/on-call/people/{person.name}{_SUFFIX}"),
                works_now=on_call.working_hours(person=person.name).is_open(now_us),
            )
            for person in on_call.plan.people.values()
        ]

    return json_reply(views.People(await in_thread(told)))


@get(
    "/api/on-call/schedules",
    operation_id="listOnCallSchedules",
    tags=["on-call"],
    summary="List schedules",
    description="Those of the settings `on_call.schedules`, with the addresses of their feeds.",
    responses=answers(views.Schedules, examples.SCHEDULES, OnCallOffError),
)
async def list_schedules(services: NamedDependency[Services]) -> Response[bytes]:
    found = on_call_of(services).plan.schedules.values()
    told = [
        views.schedule_view(each, _feed(services, f"/api/on-call/schedules/{each.name}{_SUFFIX}"))
        for each in found
    ]
    return json_reply(views.Schedules(told))


@get(
    "/api/on-call/schedules/{name:str}/shifts",
    operation_id="listShifts",
    tags=["on-call"],
    summary="List the shifts of a schedule",
    description="With overrides, and with the gaps in which nobody answers.",
    responses=answers(views.Shifts, examples.SHIFTS, OnCallNotFoundError, OnCallOffError),
)
async def shifts(
    services: NamedDependency[Services], name: Name, from_: From = None, until: Until = None
) -> Response[bytes]:
    within = _span(from_, until, services.clock.now_us())
    picture = on_call_of(services).picture(name, within)

    def told() -> views.Shifts:
        found = [views.shift_view(each) for each in picture.shifts(within)]
        return views.Shifts(name, found, [views.span_view(gap) for gap in picture.gaps(within)])

    return json_reply(await in_thread(told))


# Feeds


def _let_in(request: AnyRequest, services: Services) -> None:
    """A key, or the token of this path: calendar applications send no headers."""
    key, path = services.feed_key(), str(request.scope["path"])
    query = parse_qs(request.scope["query_string"].decode("latin-1"))
    token = query.get("token", [""])[0]
    if key is None or not hmac.compare_digest(token.encode(), feed_token(key, path).encode()):
        services.identify(dict(request.scope["headers"]))


def _named(file: str) -> str:
    if not file.endswith(_SUFFIX):
        raise OnCallNotFoundError(f"{file[:80]!r}: a feed is a name and {_SUFFIX}", where="file")
    return file.removesuffix(_SUFFIX)


async def _calendar(
    on_call: OnCall, title: str, pictures: list[Picture], person: str | None, now_us: int
) -> Response[bytes]:
    within = Span(max(0, now_us - FEED_PAST_US), now_us + FEED_AHEAD_US)

    def written() -> bytes:
        found: list[tuple[str, Shift]] = [
            (picture.schedule.name, shift)
            for picture in pictures
            for shift in picture.shifts(within)
            if person is None or person in shift.people
        ]
        return write_shifts(title, found, on_call.plan.people, now_us)

    return text_reply(await in_thread(written), MEDIA_TYPE, {})


@get(
    "/api/on-call/schedules/{file:str}",
    operation_class=FeedOperation,
    operation_id="getScheduleFeed",
    tags=["on-call"],
    summary="The shifts of a schedule for a calendar application",
    description=(
        "iCalendar of the last 30 and the coming 180 days. The address with its token, which "
        "`GET /api/on-call/schedules` shows, needs no key."
    ),
    opt={OPEN: True},
    responses=text_answers(
        "iCalendar.", MEDIA_TYPE, examples.FEED, OnCallNotFoundError, OnCallOffError
    ),
)
async def schedule_feed(
    request: AnyRequest, services: NamedDependency[Services], file: File
) -> Response[bytes]:
    _let_in(request, services)
    on_call, now_us = on_call_of(services), services.clock.now_us()
    name = _named(file)
    picture = on_call.picture(name, Span(now_us - FEED_PAST_US, now_us + FEED_AHEAD_US))
    return await _calendar(on_call, name, [picture], None, now_us)


@get(
    "/api/on-call/people/{file:str}",
    operation_class=FeedOperation,
    operation_id="getPersonFeed",
    tags=["on-call"],
    summary="The shifts of a person for a calendar application",
    description="As that of a schedule, of all schedules in which the person has a turn.",
    opt={OPEN: True},
    responses=text_answers(
        "iCalendar.", MEDIA_TYPE, examples.FEED, OnCallNotFoundError, OnCallOffError
    ),
)
async def person_feed(
    request: AnyRequest, services: NamedDependency[Services], file: File
) -> Response[bytes]:
    _let_in(request, services)
    on_call, now_us = on_call_of(services), services.clock.now_us()
    person = on_call.plan.person(_named(file))
    within = Span(now_us - FEED_PAST_US, now_us + FEED_AHEAD_US)
    pictures = [on_call.picture(name, within) for name in on_call.plan.schedules]
    return await _calendar(on_call, person.full_name, pictures, person.name, now_us)


ROUTES = (now, people, person_feed, list_schedules, shifts, schedule_feed)
