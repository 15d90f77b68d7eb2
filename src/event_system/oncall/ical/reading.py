"""Events of an iCalendar text, and when they take place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import chain, takewhile
from typing import Any, Final

from event_system.kernel.civil import moment_of, wall_time
from event_system.kernel.errors import CalendarFileError
from event_system.kernel.spans import Span
from event_system.oncall.ical.writing import PEOPLE_PROPERTY

MAX_BYTES: Final = 1_048_576
MAX_EVENTS: Final = 5_000
MAX_OCCURRENCES: Final = 20_000
"""Of one event, from its first one on."""
LONGEST: Final = timedelta(days=366)
_FREQUENCIES: Final = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_PARTS: Final = {"INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "WKST"}
_DAILY_PARTS: Final = {"INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "WKST"}
"""A rule of days with more would be walked day by day for millennia where it never holds."""


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """An event: what it is about, and its wall times.

    `starts` are single ones, `rule` repeats `starts[0]`; neither counts on `without`. Where
    `all_day`, times are midnights. `people` and `emails` say whom it names.
    """

    uid: str
    summary: str
    people: tuple[str, ...]
    emails: tuple[str, ...]
    zone: tzinfo
    starts: tuple[datetime, ...]
    length: timedelta
    all_day: bool
    rule: str | None = None
    without: frozenset[datetime] = frozenset()

    def occurrences(self, within: Span) -> list[Span]:
        """Those that a span meets, whole. Raises `CalendarFileError` where there are too many."""
        found = []
        last = wall_time(within.end_us, self.zone)
        walls = self._walls(last)
        for number, wall in enumerate(takewhile(lambda each: each <= last, walls)):
            if number >= MAX_OCCURRENCES:
                raise CalendarFileError(f"event {self.uid!r} repeats over {MAX_OCCURRENCES} times")
            span = self._span(wall)
            if wall not in self.without and span.end_us > within.start_us and span.length_us:
                found.append(span)
        return found

    def days(self, first: date, last: date) -> Iterator[date]:
        """The dates of an all-day event, from one to another, both included."""
        until = datetime.combine(last, time.max)
        for wall in takewhile(lambda each: each <= until, self._walls(until)):
            for number in range(max(1, self.length.days)):
                day = wall.date() + timedelta(days=number)
                if wall not in self.without and first <= day <= last:
                    yield day

    def _walls(self, until: datetime) -> Iterator[datetime]:
        """In their order."""
        if self.rule is None:
            return iter(sorted(set(self.starts)))
        from dateutil.rrule import rrulestr

        repeated = rrulestr(self.rule, dtstart=self.starts[0])
        walls = takewhile(lambda each: each <= until, chain([self.starts[0]], repeated))
        return iter(sorted({*self.starts, *_first(walls)}))

    def _span(self, wall: datetime) -> Span:
        return Span(moment_of(wall, self.zone), moment_of(wall + self.length, self.zone))


def _first(walls: Iterator[datetime]) -> Iterator[datetime]:
    for number, wall in enumerate(walls):
        if number > MAX_OCCURRENCES:
            return
        yield wall


def read_events(text: bytes, zone: tzinfo) -> list[CalendarEvent]:
    """All events; times without a time zone are read by `zone`.

    Repeated events may have occurrences that are changed (RECURRENCE-ID) or left out (EXDATE);
    cancelled ones are none. Raises `CalendarFileError`.
    """
    from icalendar import Calendar

    if len(text) > MAX_BYTES:
        raise CalendarFileError(f"the text has over {MAX_BYTES} bytes")
    try:
        calendar = Calendar.from_ical(text)
        components = list(calendar.walk("VEVENT"))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CalendarFileError(f"this is no iCalendar text: {str(error)[:200]}") from error
    if len(components) > MAX_EVENTS:
        raise CalendarFileError(f"the text has over {MAX_EVENTS} events")
    try:
        return _events(components, zone)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise CalendarFileError(f"an event cannot be read: {str(error)[:200]}") from error


def _events(components: Sequence[Any], zone: tzinfo) -> list[CalendarEvent]:
    moved: dict[str, set[datetime]] = defaultdict(set)
    for component in components:
        if "RECURRENCE-ID" in component:
            which = component["RECURRENCE-ID"]
            if which.params.get("RANGE"):
                raise CalendarFileError(f"event {_text(component, 'UID')!r}: RANGE is not read")
            moved[_text(component, "UID")].add(_wall(which.dt, _zone_of(component, zone)))
    return [
        _event(component, zone, moved)
        for component in components
        if _text(component, "STATUS").upper() != "CANCELLED"
    ]


def _event(component: Any, default: tzinfo, moved: Mapping[str, set[datetime]]) -> CalendarEvent:
    uid = _text(component, "UID")
    if "DTSTART" not in component:
        raise CalendarFileError(f"event {uid!r} has no DTSTART")
    given = component["DTSTART"].dt
    zone = _zone_of(component, default)
    start = _wall(given, zone)
    is_part = "RECURRENCE-ID" in component
    without = {_wall(each.dt, zone) for each in _listed(component, "EXDATE")}
    more = () if is_part else (_wall(each.dt, zone) for each in _listed(component, "RDATE"))
    return CalendarEvent(
        uid=uid,
        summary=_text(component, "SUMMARY"),
        people=tuple(filter(None, _text(component, PEOPLE_PROPERTY).split(","))),
        emails=tuple(_emails(component)),
        zone=zone,
        starts=(start, *more),
        length=_length(component, start, zone, uid),
        all_day=not isinstance(given, datetime),
        rule=None if is_part else _rule(component, start, zone, uid),
        without=frozenset(without if is_part else without | moved.get(uid, set())),
    )


def _zone_of(component: Any, default: tzinfo) -> tzinfo:
    given = component["DTSTART"].dt if "DTSTART" in component else None
    own = given.tzinfo if isinstance(given, datetime) else None
    return own or default


def _wall(given: Any, zone: tzinfo) -> datetime:
    """The wall time in a zone of a date, a floating time or a moment."""
    if not isinstance(given, datetime):
        if not isinstance(given, date):
            raise CalendarFileError("a period stands where a date or a time should")
        return datetime.combine(given, time())
    return given if given.tzinfo is None else given.astimezone(zone).replace(tzinfo=None)


def _length(component: Any, start: datetime, zone: tzinfo, uid: str) -> timedelta:
    if "DTEND" in component:
        length = _wall(component["DTEND"].dt, zone) - start
    elif "DURATION" in component:
        length = component["DURATION"].dt
    else:
        is_day = not isinstance(component["DTSTART"].dt, datetime)
        length = timedelta(days=1) if is_day else timedelta(0)
    if not timedelta(0) <= length <= LONGEST:
        raise CalendarFileError(f"event {uid!r} ends before it begins or lasts over a year")
    return length


def _rule(component: Any, start: datetime, zone: tzinfo, uid: str) -> str | None:
    rule = component.get("RRULE")
    if rule is None:
        return None
    if isinstance(rule, list):
        raise CalendarFileError(f"event {uid!r} has more than one RRULE")
    parts = {str(name).upper(): value for name, value in rule.items()}
    frequency = str(parts.pop("FREQ", [""])[0]).upper()
    known = _DAILY_PARTS if frequency == "DAILY" else _PARTS
    if frequency not in _FREQUENCIES or set(parts) - known:
        strange = ", ".join(sorted(set(parts) - known)) or frequency
        raise CalendarFileError(
            f"event {uid!r}: {strange} of a rule that repeats is not read; it may repeat by days, "
            "weeks, months and years"
        )
    told = [f"FREQ={frequency}"]
    for name, values in parts.items():
        each = values if isinstance(values, list) else [values]
        told.append(f"{name}={','.join(_part(name, value, zone) for value in each)}")
    text = ";".join(told)
    _check_rule(text, start, uid)
    return text


def _part(name: str, value: Any, zone: tzinfo) -> str:
    if name == "UNTIL":
        is_day = not isinstance(value, datetime)
        wall = datetime.combine(value, time.max) if is_day else _wall(value, zone)
        return f"{wall:%Y%m%dT%H%M%S}"
    return str(value)


def _check_rule(rule: str, start: datetime, uid: str) -> None:
    from dateutil.rrule import rrulestr

    try:
        rrulestr(rule, dtstart=start)
    except ValueError as error:
        raise CalendarFileError(f"event {uid!r}: {error}") from error


def _listed(component: Any, name: str) -> Iterator[Any]:
    given = component.get(name)
    for each in given if isinstance(given, list) else [] if given is None else [given]:
        yield from each.dts


def _emails(component: Any) -> Iterator[str]:
    for name in ("ATTENDEE", "ORGANIZER"):
        given = component.get(name)
        for each in given if isinstance(given, list) else [] if given is None else [given]:
            address = str(each)
            if address.lower().startswith("mailto:"):
                yield address[len("mailto:") :].lower()


def _text(component: Any, name: str) -> str:
    given = component.get(name)
    return "" if given is None else str(given)
