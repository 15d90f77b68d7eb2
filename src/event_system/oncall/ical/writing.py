"""Shifts as an iCalendar text."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from event_system.kernel.clock import to_datetime
from event_system.oncall.people import Person
from event_system.oncall.rotations import Shift

MEDIA_TYPE: Final = "text/calendar"
PEOPLE_PROPERTY: Final = "X-EVENT-SYSTEM-PEOPLE"
REFRESH: Final = timedelta(hours=1)
TOKEN_DIGITS: Final = 32


def feed_token(key: str, path: str) -> str:
    """What lets a calendar application read one feed: 32 hex digits, by the path of the feed.

    HMAC-SHA256 under the node's feed key; another key makes all tokens invalid.
    """
    digest = hmac.new(key.encode(), path.encode(), hashlib.sha256)
    return digest.hexdigest()[:TOKEN_DIGITS]


def write_shifts(
    title: str, shifts: Iterable[tuple[str, Shift]], people: Mapping[str, Person], now_us: int
) -> bytes:
    """A calendar of shifts, each with the name of its schedule.

    Moments are in UTC, so no time zones have to be told. An event keeps its UID while its shift
    keeps its start and its people.
    """
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", "-//event-system//on-call//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", title)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for schedule, shift in shifts:
        calendar.add_component(_event(schedule, shift, people, now_us))
    return bytes(calendar.to_ical())


def _event(schedule: str, shift: Shift, people: Mapping[str, Person], now_us: int) -> Any:
    from icalendar import Event, vCalAddress

    event = Event()
    known = [people[name] for name in shift.people if name in people]
    names = ", ".join(person.full_name for person in known) or ", ".join(shift.people)
    event.add("uid", _uid(schedule, shift))
    event.add("dtstamp", to_datetime(_whole_second(now_us)))
    event.add("dtstart", to_datetime(_whole_second(shift.start_us)))
    event.add("dtend", to_datetime(_whole_second(shift.end_us)))
    event.add("summary", f"{names} ({schedule})")
    stands_in = "stands in" if shift.kind == "override" else f"layer {shift.by}"
    event.add("description", f"On call for {schedule}: {names}; {stands_in}.")
    event.add("transp", "TRANSPARENT")
    event.add(PEOPLE_PROPERTY, ",".join(shift.people))
    for person in known:
        if address := person.contacts.get("email"):
            attendee = vCalAddress(f"mailto:{address}")
            attendee.params["CN"] = person.full_name
            event.add("attendee", attendee)
    return event


def _uid(schedule: str, shift: Shift) -> str:
    told = "\0".join((schedule, *shift.people, str(shift.start_us)))
    return f"{hashlib.sha256(told.encode()).hexdigest()[:32]}@event-system"


def _whole_second(us: int) -> int:
    return us // 1_000_000 * 1_000_000
