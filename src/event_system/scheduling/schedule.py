"""A cron schedule: what fires, when, and what is made up for after the node was away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from event_system.events.codec import Draft, Moment, Name, check_utf8
from event_system.events.event import Row
from event_system.kernel.clock import rfc3339, to_datetime, to_us
from event_system.kernel.cron import check_cron, check_zone, next_firing
from event_system.kernel.errors import (
    InvalidScheduleError,
    MalformedBodyError,
    ScheduleConflictError,
)
from event_system.kernel.lanes import id_key, lane_of, source_key, subject_key, type_key

SOURCE: Final = "schedule"
"""The source of firings whose template names none."""
MAX_CATCH_UP: Final = 1000
ON_TIME: Final = timedelta(seconds=60)
"""A firing that is no later than this was not missed."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
_YEARS = range(1970, 2200)
_UNSET = msgspec.Raw()
_MICROSECOND = timedelta(microseconds=1)
_FIRST_WINDOW = timedelta(seconds=1)


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The event of each firing; `data` is JSON, kept as it came."""

    type: str
    subject: Name | None = None
    source: Name = SOURCE
    data: msgspec.Raw = _UNSET

    def draft(self, id_: str) -> Draft:
        draft = Draft(self.type, source=self.source, subject=self.subject, id=id_)
        draft.data = self.data
        return draft


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A schedule as its owner defines it.

    `jitter_seconds` spreads firings: each is later by up to that, the same for the same firing.
    `catch_up` says what becomes of firings that were missed: none of them, `one` for all of
    them, or `all` (the newest 1,000). It fires from `start` to `end`, both included.
    """

    cron: str
    event: Template
    time_zone: str = "UTC"
    jitter_seconds: Annotated[int, Meta(ge=0, le=3600)] = 0
    catch_up: Literal["skip", "one", "all"] = "one"
    enabled: bool = True
    start: Moment | None = None
    end: Moment | None = None


class Plan(NamedTuple):
    """Moments (as the expression says, in microseconds) to fire now, and the next one."""

    firings: list[int]
    next_us: int | None


_decoder = msgspec.json.Decoder(Schedule)


def check_name(name: str) -> str:
    """The name itself. Raises `InvalidScheduleError` for what cannot be one."""
    if not _NAME.fullmatch(name):
        detail = "a name has 1 to 100 letters, digits, `.`, `_` and `-`, no sign at its ends"
        raise InvalidScheduleError(detail, where="name")
    return name


def decode_schedule(body: bytes) -> Schedule:
    """The schedule of a JSON object; raises `InvalidScheduleError` with the member at fault."""
    check_utf8(body)
    try:
        schedule = _decoder.decode(body)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at ")
        raise InvalidScheduleError(text, where=path.strip("`") or "$") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedBodyError(str(error)) from error
    check_schedule(schedule)
    return schedule


def check_unchanged(name: str, stored: int | None, before: int | None) -> None:
    """Raise `ScheduleConflictError` where the revision in store is not the one before a change."""
    if stored != before:
        now = "is deleted" if stored is None else "was changed"
        detail = f"the schedule {name} {now} by now: another node has done that"
        raise ScheduleConflictError(detail, where=name)


def check_schedule(schedule: Schedule) -> None:
    """Raise `InvalidScheduleError` for what the types do not say."""
    check_cron(schedule.cron)
    check_zone(schedule.time_zone)
    bounds = {"start": schedule.start, "end": schedule.end}
    for name, moment in bounds.items():
        if moment is not None and moment.year not in _YEARS:
            detail = f"the year is from {_YEARS[0]} to {_YEARS[-1]}"
            raise InvalidScheduleError(detail, where=f"$.{name}")
    if schedule.start and schedule.end and schedule.end < schedule.start:
        raise InvalidScheduleError("`end` is before `start`", where="$.end")


# When


def firing_after(schedule: Schedule, us: int) -> int | None:
    """As `next_firing`, in microseconds; None for a schedule that is switched off."""
    if not schedule.enabled:
        return None
    found = next_firing(schedule, to_datetime(us))
    return None if found is None else to_us(found)


def due_us(name: str, schedule: Schedule, us: int) -> int:
    """When the firing of this moment is due: jitter included, and before the next moment."""
    if not schedule.jitter_seconds:
        return us
    room = schedule.jitter_seconds * 1_000_000
    following = firing_after(schedule, us)
    if following is not None:
        room = min(room, following - us)
    return us + id_key(firing_id(name, us)) % room


def plan(name: str, schedule: Schedule, first_us: int, now_us: int) -> Plan:
    """What to fire at `now_us`, where `first_us` is the oldest moment that has not fired.

    Empty where even that is not due. Due firings fire as `catch_up` says: all of them, or the
    newest, or that only while it is not late.
    """
    if due_us(name, schedule, first_us) > now_us:
        return Plan([], first_us)
    wanted = MAX_CATCH_UP if schedule.catch_up == "all" else 1
    due = _newest(name, schedule, first_us, now_us, wanted)
    following = firing_after(schedule, due[-1])
    late = now_us - due_us(name, schedule, due[-1])
    if schedule.catch_up == "skip" and late > ON_TIME // _MICROSECOND:
        due = []
    return Plan(due, following)


def _newest(name: str, schedule: Schedule, first_us: int, now_us: int, count: int) -> list[int]:
    """The newest due moments from `first_us` on, oldest first: at most `count`, at least one.

    Looks at windows that end now and double, so that years away cost no more than days.
    """
    window = _FIRST_WINDOW // _MICROSECOND
    while True:
        begin = max(now_us - window, first_us - 1)
        due = list(_due(name, schedule, begin, now_us))
        if len(due) >= count or begin < first_us:
            return due[-count:]
        window *= 2


def _due(name: str, schedule: Schedule, after_us: int, now_us: int) -> Iterator[int]:
    us = firing_after(schedule, after_us)
    while us is not None and us <= now_us and due_us(name, schedule, us) <= now_us:
        yield us
        us = firing_after(schedule, us)


# What


def firing_id(name: str, us: int) -> str:
    """The id of a firing's event: the same one can be in the log only once."""
    return f"schedule:{name}:{rfc3339(us)}"


def firing_row(name: str, template: Template, us: int, *, received_us: int, lanes: int) -> Row:
    """The row of the log for the firing of this moment. The template has been checked before."""
    id_, subject = firing_id(name, us), template.subject
    key = id_key(id_) if subject is None else subject_key(subject)
    data = bytes(template.data) or None
    # fmt: off
    return (
        id_key(id_), None if subject is None else key, type_key(template.type),
        source_key(template.source), lane_of(key, lanes), template.type, template.source, id_,
        subject, us, received_us, None, None, None, data,
    )
    # fmt: on


def as_json(schedule: Schedule) -> dict[str, Any]:
    """The definition in the form in which it is given."""
    event = {"type": schedule.event.type, "source": schedule.event.source}
    if schedule.event.subject is not None:
        event["subject"] = schedule.event.subject
    data = {"data": schedule.event.data} if bytes(schedule.event.data) else {}
    return {
        "cron": schedule.cron,
        "time_zone": schedule.time_zone,
        "event": {**event, **data},
        "jitter_seconds": schedule.jitter_seconds,
        "catch_up": schedule.catch_up,
        "enabled": schedule.enabled,
        "start": _told(schedule.start),
        "end": _told(schedule.end),
    }


def encode_schedule(schedule: Schedule) -> bytes:
    """The definition as JSON, to be stored."""
    return msgspec.json.encode(as_json(schedule))


def decode_stored(definition: bytes) -> Schedule:
    """What `encode_schedule` made; it was checked before it was stored."""
    return _decoder.decode(definition)


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(to_us(moment))
