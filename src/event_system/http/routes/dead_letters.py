"""Failed deliveries: looking at them, handling dead letters again, discarding them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, PathParameter, QueryParameter

from event_system.delivery.ports import DEAD, END_US, Failure, Selection
from event_system.events.event import cloudevent
from event_system.http import views
from event_system.http.app import Services
from event_system.http.bodies import MAX_BODY, DeadLetterChoice
from event_system.http.openapi.answers import answers
from event_system.http.openapi.examples import (
    DEAD_LETTER_COUNT,
    DEAD_LETTER_DETAIL,
    DEAD_LETTERS,
    shown,
)
from event_system.http.openapi.forms import MOMENT, PATTERN
from event_system.http.query import PlaceCursors, moment_us, segment_of_path
from event_system.http.replies import json_reply
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import (
    BodyTooLargeError,
    CountChangedError,
    DeadLetterNotFoundError,
    InvalidPatternError,
    InvalidRequestError,
    UnavailableError,
)
from event_system.kernel.patterns import parse_pattern

_DEAD_LETTERS = b"/api/dead-letters/"
_MOMENT = "RFC 3339, `now`, or a time ago (`-15m`; ms, s, m, h, d)."

Choice: TypeAlias = Annotated[
    DeadLetterChoice,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[
            shown("listener", "all of one listener", {"listener": "leaderboard", "expect": 17}),
            shown("count", "how many there are", {"all": True, "dry_run": True}),
        ],
    ),
]
Action: TypeAlias = Callable[[Selection, int | None], Awaitable[int]]


def view_of(failure: Failure) -> views.DeadLetter:
    """A failure as operators see it, without the traceback."""
    dead = failure.state == DEAD
    return views.DeadLetter(
        listener=failure.listener,
        offset=failure.offset,
        type=failure.type,
        state=failure.state,  # type: ignore[arg-type]  # one of the three
        attempts=failure.attempts,
        error=failure.error,
        first_failed_at=rfc3339(failure.first_us),
        last_failed_at=rfc3339(failure.last_us),
        died_at=rfc3339(failure.at_us) if dead else None,
        due=None if dead else rfc3339(failure.at_us),
    )


@get(
    "/api/dead-letters",
    operation_id="listDeadLetters",
    tags=["dead letters"],
    summary="Find dead letters",
    description=(
        "Dead letters by the time at which they became such; with `state=retrying` parked events "
        "by the time at which they are due, with `state=blocking` those that their lane waits "
        "for. A page may be short, or empty, though `next` continues."
    ),
    responses=answers(views.DeadLetterPage, DEAD_LETTERS, InvalidPatternError),
)
async def list_dead_letters(
    services: NamedDependency[Services],
    listener: Annotated[str | None, QueryParameter(description="Exactly this listener.")] = None,
    type_: Annotated[
        str | None,
        QueryParameter(
            name="type", description="Type or pattern: `player.*`.", schema_extra=PATTERN
        ),
    ] = None,
    since: Annotated[
        str | None, QueryParameter(description=f"At or after: {_MOMENT}", schema_extra=MOMENT)
    ] = None,
    until: Annotated[
        str | None, QueryParameter(description=f"Before: {_MOMENT}", schema_extra=MOMENT)
    ] = None,
    state_: Annotated[
        Literal["dead", "retrying", "blocking"],
        QueryParameter(name="state", description="Which failures."),
    ] = "dead",
    order: Annotated[
        Literal["newest", "oldest"], QueryParameter(description="Which come first.")
    ] = "newest",
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="A page's most.")] = 50,
    cursor: Annotated[str | None, QueryParameter(description="`next` of the page before.")] = None,
) -> Response[bytes]:
    if type_ is not None:
        parse_pattern(type_)
    now_us = services.clock.now_us()
    since_us, until_us = moment_us(since, "since", now_us), moment_us(until, "until", now_us)
    wanted = Selection(
        state=state_,
        listener=listener,
        pattern=type_,
        since_us=since_us or 0,
        until_us=END_US if until_us is None else until_us,
    )
    cursors = PlaceCursors(listener, type_, since, until, state_, order)
    after = cursors.decode(cursor)
    newest_first = order == "newest"
    page = await services.dead_letters.find(wanted, limit, after, newest_first=newest_first)
    found = [view_of(failure) for failure in page.failures]
    return json_reply(views.DeadLetterPage(found, cursors.encode(page.next)))


@get(
    "/api/dead-letters/{listener:str}/{offset:int}",
    operation_id="getDeadLetter",
    tags=["dead letters"],
    summary="Look at one dead letter",
    description="With its traceback and its event. Also shows deliveries that are tried again.",
    responses=answers(views.DeadLetterDetail, DEAD_LETTER_DETAIL, DeadLetterNotFoundError),
)
async def get_dead_letter(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    listener: Annotated[str, PathParameter(description="The listener's name, percent-encoded.")],
    offset: Annotated[int, PathParameter(description="The event's offset.")],
) -> Response[bytes]:
    name = segment_of_path(request.scope["raw_path"], _DEAD_LETTERS)
    known = 0 < offset < END_US
    failure = await services.dead_letters.get(name, offset) if known else None
    if failure is None:
        raise DeadLetterNotFoundError(
            f"no delivery of event {offset} to {name[:100]!r} has failed", where=str(offset)[:30]
        )
    event = await services.history.at(offset)
    letter = view_of(failure)
    letter.traceback = failure.traceback
    return json_reply(
        {"dead_letter": letter, "event": None if event is None else cloudevent(event)}
    )


_ERRORS = (
    *(InvalidRequestError, InvalidPatternError, BodyTooLargeError),
    *(CountChangedError, UnavailableError),
)


@post(
    "/api/dead-letters/requeue",
    status_code=200,
    operation_id="requeueDeadLetters",
    tags=["dead letters"],
    summary="Handle dead letters again",
    description=(
        "They are due at once, with all their attempts before them. `dry_run` only tells how many "
        "there are; with that number as `expect` nothing is done if it has changed."
    ),
    request_max_body_size=MAX_BODY,
    responses=answers(views.DeadLetterCount, DEAD_LETTER_COUNT, *_ERRORS),
)
async def requeue_dead_letters(
    services: NamedDependency[Services], data: Choice
) -> Response[bytes]:
    return await _decide(services, data, services.dead_letters.requeue)


@post(
    "/api/dead-letters/discard",
    status_code=200,
    operation_id="discardDeadLetters",
    tags=["dead letters"],
    summary="Forget dead letters",
    description="For good; their events stay in the log. `dry_run` and `expect` as in requeue.",
    request_max_body_size=MAX_BODY,
    responses=answers(views.DeadLetterCount, DEAD_LETTER_COUNT, *_ERRORS),
)
async def discard_dead_letters(
    services: NamedDependency[Services], data: Choice
) -> Response[bytes]:
    return await _decide(services, data, services.dead_letters.discard)


async def _decide(services: Services, choice: DeadLetterChoice, action: Action) -> Response[bytes]:
    wanted = choice.selection(services.clock.now_us())
    if choice.dry_run:
        count = await services.dead_letters.count(wanted)
    else:
        count = await action(wanted, choice.expect)
    return json_reply(views.DeadLetterCount(count, done=not choice.dry_run))


ROUTES = (list_dead_letters, get_dead_letter, requeue_dead_letters, discard_dead_letters)
