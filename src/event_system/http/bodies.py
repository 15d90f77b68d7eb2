"""The bodies of operators' requests, decoded and checked by the framework.

Those of the intake routes are not among them: the event core reads these.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from litestar import Request
from msgspec import Meta, Struct

from event_system.cache.cache import MAX_TAG
from event_system.delivery.ports import END_US, Selection
from event_system.delivery.replays.replay import MAX_RATE
from event_system.http.query import moment_us
from event_system.kernel.clock import to_datetime, to_us
from event_system.kernel.errors import InvalidRequestError
from event_system.kernel.patterns import parse_pattern

MAX_BODY: Final = 65_536
MAX_INTEGER: Final = 2**62
UNIT_US: Final = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
DEFAULT_PAUSE_US: Final = UNIT_US["h"]
LONGEST_PAUSE_US: Final = 30 * UNIT_US["d"]
_SPAN = re.compile(r"(\d{1,9})(ms|s|m|h|d)")


class ApiRequest(Request[Any, Any, Any]):
    """A request whose JSON is refused plainly where it is none."""

    async def json(self) -> Any:
        try:
            return msgspec.json.decode(await self.body() or b"null")
        except RecursionError as error:
            raise InvalidRequestError("the body is nested too deeply") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequestError(f"the body is no JSON: {error}") from error


class Pause(Struct, forbid_unknown_fields=True):
    """How long a listener is to pause: `for` or `until`, by default one hour."""

    for_: Annotated[
        str | None, Meta(description="A span: `90s`, `15m`, `1h`, `2d`; at most 30 days.")
    ] = msgspec.field(default=None, name="for")
    until: Annotated[str | None, Meta(description="RFC 3339; at most 30 days ahead.")] = None

    def until_us(self, now_us: int) -> int:
        """The moment at which the pause ends. Raises `InvalidRequestError`."""
        if self.for_ is not None and self.until is not None:
            raise InvalidRequestError("give `for` or `until`, not both", where="until")
        if self.until is None:
            end_us, where = now_us + self._span_us(), "for"
        else:
            end_us, where = instant_us(self.until, "until"), "until"
        if not now_us < end_us <= now_us + LONGEST_PAUSE_US:
            raise InvalidRequestError("a pause ends after now and within 30 days", where=where)
        return end_us

    def _span_us(self) -> int:
        return DEFAULT_PAUSE_US if self.for_ is None else span_us(self.for_, "for")


class CachePurge(Struct, forbid_unknown_fields=True):
    """What is to be forgotten: what was loaded under one of `tags`, or everything."""

    tags: (
        Annotated[
            list[Annotated[str, Meta(min_length=1, max_length=MAX_TAG)]],
            Meta(min_length=1, max_length=1000),
        ]
        | None
    ) = None


class DeadLetterChoice(Struct, forbid_unknown_fields=True):
    """Which dead letters are meant: those that fit all that is given, or `all`."""

    listener: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    type: Annotated[str, Meta(max_length=255, description="A type or a pattern.")] | None = None
    since: Annotated[str | None, Meta(description="Dead since then: RFC 3339, or `-15m`.")] = None
    until: Annotated[str | None, Meta(description="Dead before then: the same.")] = None
    offsets: (
        Annotated[
            list[Annotated[int, Meta(ge=1, le=MAX_INTEGER)]], Meta(min_length=1, max_length=1000)
        ]
        | None
    ) = None
    all: Annotated[bool, Meta(description="All of them; only without the members above.")] = False
    dry_run: Annotated[bool, Meta(description="Only tell how many there are.")] = False
    expect: (
        Annotated[
            int,
            Meta(ge=0, le=MAX_INTEGER, description="Do nothing unless there are so many now."),
        ]
        | None
    ) = None

    def selection(self, now_us: int) -> Selection:
        """What is meant.

        Raises `InvalidRequestError`, also where nothing is given, and `InvalidQueryError` for
        what is no moment.
        """
        since_us = moment_us(self.since, "since", now_us)
        until_us = moment_us(self.until, "until", now_us)
        narrowed = (self.listener, self.type, self.since, self.until, self.offsets)
        if self.all == any(given is not None for given in narrowed):
            raise InvalidRequestError(
                "give `all: true`, or what narrows them down: listener, type, since, until, "
                "offsets",
                where="all",
            )
        if self.type is not None:
            parse_pattern(self.type)
        return Selection(
            listener=self.listener,
            pattern=self.type,
            since_us=since_us or 0,
            until_us=END_US if until_us is None else until_us,
            offsets=None if self.offsets is None else frozenset(self.offsets),
        )


class Part(NamedTuple):
    """Which part of the past: offsets, or times of receipt."""

    from_: int | datetime
    until: int | datetime | None


_Place = Annotated[int, Meta(ge=1, le=MAX_INTEGER)] | Annotated[str, Meta(max_length=100)]


class NewReplay(Struct, forbid_unknown_fields=True):
    """What a listener is to be shown again."""

    from_: Annotated[
        _Place,
        Meta(description="The first offset, or a time of receipt: RFC 3339, or ago (`-2h`)."),
    ] = msgspec.field(name="from")
    until: Annotated[
        _Place | None,
        Meta(description="The last offset, or the time before which; without it: up to now."),
    ] = None
    mode: Annotated[
        Literal["all", "missed"],
        Meta(description="`missed`: dead letters, and what came before the listener existed."),
    ] = "all"
    rate: (
        Annotated[float, Meta(gt=0, le=MAX_RATE, description="Events per second at most.")] | None
    ) = None

    def wanted(self, now_us: int) -> Part:
        """The part. Raises `InvalidQueryError` for what is no moment."""
        until = None if self.until is None else _place(self.until, "until", now_us)
        return Part(_place(self.from_, "from", now_us), until)


def _place(given: int | str, where: str, now_us: int) -> int | datetime:
    if isinstance(given, int):
        return given
    return to_datetime(moment_us(given, where, now_us) or 0)


def span_us(text: str, where: str) -> int:
    """Microseconds of `90s`, `15m`, `1h`, `2d`. Raises `InvalidRequestError`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InvalidRequestError(
            f"{text[:80]!r} is no span: give a number and ms, s, m, h or d, such as 90s",
            where=where,
        )
    return int(found[1]) * UNIT_US[found[2]]


def instant_us(text: str, where: str) -> int:
    """Microseconds of an RFC 3339 time with a zone. Raises `InvalidRequestError`."""
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidRequestError(
            f"{text[:80]!r} is no moment: give RFC 3339 with a zone (2026-11-21T12:00:00Z)",
            where=where,
        )
    return max(0, to_us(moment))
