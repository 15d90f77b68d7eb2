"""Answers about who is on call: the shapes that the API documentation shows, and what fills them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from event_system.kernel.clock import rfc3339
from event_system.kernel.spans import Span
from event_system.oncall.overrides import Override
from event_system.oncall.people import Person
from event_system.oncall.roster import Standing
from event_system.oncall.rotations import Shift
from event_system.oncall.schedules import Schedule

Time = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds.")]


class ShiftView(Struct):
    """Who answers for a schedule from `start` up to `end`."""

    start: Time
    end: Time
    people: Annotated[list[str], Meta(description="The first one is asked first.")]
    kind: Literal["layer", "override"]
    by: Annotated[str, Meta(description="The layer's name, or the override's id.")]


class SpanView(Struct):
    """From `start` up to `end`."""

    start: Time
    end: Time


class StandingView(Struct):
    """How a schedule stands."""

    schedule: str
    people: Annotated[list[str], Meta(description="Who answers; empty in a gap.")]
    since: Annotated[str | None, Meta(description="Null where that is long ago.")]
    until: Annotated[str | None, Meta(description="Null where that is far away.")]
    override: Annotated[str | None, Meta(description="The override that has it so.")]
    next: Annotated[ShiftView | None, Meta(description="The next shift of others.")]


class Now(Struct):
    """All schedules at a moment."""

    at: Time
    schedules: list[StandingView]


class PersonView(Struct):
    """Somebody of the settings; addresses are not shown."""

    name: str
    full_name: str
    full_name_zh: str
    time_zone: str
    language: Literal["en", "zh"]
    methods: Annotated[list[str], Meta(description="How the person can be reached.")]
    works_now: Annotated[bool, Meta(description="Whether it is working time for the person.")]
    feed: Annotated[str | None, Meta(description="Path of the person's shifts as iCalendar.")]


class People(Struct):
    """Everybody of the settings."""

    people: list[PersonView]


class ScheduleView(Struct):
    """A schedule of the settings."""

    name: str
    description: str
    time_zone: str
    calendar: str | None
    layers: Annotated[list[str], Meta(description="Names; the last that has somebody counts.")]
    feed: Annotated[str | None, Meta(description="Path of its shifts as iCalendar.")]


class Schedules(Struct):
    """All schedules of the settings."""

    schedules: list[ScheduleView]


class Shifts(Struct):
    """The shifts of a schedule in a span, and when nobody answers."""

    schedule: str
    shifts: list[ShiftView]
    gaps: list[SpanView]


class OverrideView(Struct):
    """Somebody stands in."""

    id: str
    schedule: str
    person: str
    start: Time
    end: Time
    note: str
    by: Annotated[str, Meta(description="Who said so.")]
    created: Time


class OverrideList(Struct):
    """Overrides, ordered by their start."""

    overrides: list[OverrideView]


def span_view(span: Span) -> SpanView:
    return SpanView(rfc3339(span.start_us), rfc3339(span.end_us))


def shift_view(shift: Shift) -> ShiftView:
    start, end = rfc3339(shift.start_us), rfc3339(shift.end_us)
    return ShiftView(start, end, list(shift.people), shift.kind, shift.by)


def standing_view(standing: Standing) -> StandingView:
    shift = standing.shift
    return StandingView(
        standing.schedule,
        list(standing.people),
        None if standing.since_us is None else rfc3339(standing.since_us),
        None if standing.until_us is None else rfc3339(standing.until_us),
        shift.by if shift is not None and shift.kind == "override" else None,
        None if standing.next is None else shift_view(standing.next),
    )


def schedule_view(schedule: Schedule, feed: str | None) -> ScheduleView:
    layers = [layer.name for layer in schedule.layers]
    told = (schedule.name, schedule.description, str(schedule.zone), schedule.calendar)
    return ScheduleView(*told, layers, feed)


def person_view(person: Person, feed: str | None, *, works_now: bool) -> PersonView:
    return PersonView(
        *(person.name, person.full_name, person.full_name_zh, str(person.zone), person.language),
        list(person.contacts),
        works_now,
        feed,
    )


def override_view(override: Override) -> OverrideView:
    return OverrideView(
        *(override.id, override.schedule, override.person),
        *(rfc3339(override.start_us), rfc3339(override.end_us), override.note, override.by),
        rfc3339(override.created_us),
    )


def override_list(overrides: Iterable[Override]) -> dict[str, Any]:
    return {"overrides": [override_view(each) for each in overrides]}
