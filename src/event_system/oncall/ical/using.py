"""What events of a calendar mean here: turns of people, days off, somebody who stands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from event_system.kernel.clock import to_datetime, to_us
from event_system.kernel.errors import CalendarFileError
from event_system.kernel.spans import Span
from event_system.oncall.ical.reading import CalendarEvent
from event_system.oncall.people import Person
from event_system.oncall.rotations import People, Shift
from event_system.oncall.schedules import joined, topmost

CYCLE_US = 180 * 86_400_000_000


class ImportedLayer:
    """Implements `schedules.Turns` with the events of a calendar, each of which names people.

    Of two that meet, the one that comes later in the text counts. What was asked for is kept by
    the year, as events that repeat are walked from their first occurrence on.
    """

    def __init__(self, name: str, events: Iterable[tuple[People, CalendarEvent]]) -> None:
        self.name = name
        self.cycle_us = CYCLE_US
        self._events = tuple(events)
        self._years: dict[int, list[Shift]] = {}

    def shifts(self, within: Span) -> list[Shift]:
        found: list[Shift] = []
        for year in range(_year(within.start_us), _year(within.end_us) + 1):
            for shift in self._of_year(year):
                part = shift.span.clipped(within)
                if part.length_us:
                    found.append(Shift(*part, shift.people, "layer", self.name))
        return found

    def _of_year(self, year: int) -> list[Shift]:
        if year not in self._years:
            span = Span(_new_year(year), _new_year(year + 1))
            found = [
                Shift(*occurrence.clipped(span), people, "layer", self.name)
                for people, event in self._events
                for occurrence in event.occurrences(span)
            ]
            self._years[year] = joined(topmost(found))
        return self._years[year]


class ImportedHolidays:
    """Implements `PublicHolidays` with the all-day events of a calendar; others are no days off."""

    def __init__(self, events: Iterable[CalendarEvent]) -> None:
        self._events = tuple(event for event in events if event.all_day)
        self._years: dict[int, dict[date, str]] = {}

    def names(self, year: int) -> Mapping[date, str]:
        if year not in self._years:
            first, last = date(year, 1, 1), date(year, 12, 31)
            self._years[year] = {
                day: event.summary or "day off"
                for event in self._events
                for day in event.days(first, last)
            }
        return self._years[year]

    def working_days(self, year: int) -> frozenset[date]:
        return frozenset()


def _year(us: int) -> int:
    return to_datetime(us).year


def _new_year(year: int) -> int:
    return to_us(datetime(year, 1, 1, tzinfo=UTC))


def named_people(
    events: Iterable[CalendarEvent], people: Mapping[str, Person]
) -> list[tuple[People, CalendarEvent]]:
    """Each event with the people that it names.

    By their names of the settings where we have written the text ourselves, else by the e-mail
    addresses of those who attend, else by the event's title, which is a name. Raises
    `CalendarFileError` with all events that name nobody.
    """
    found, strangers = [], set()
    for event in events:
        named = _people_of(event, people)
        if named:
            found.append((named, event))
        else:
            strangers.add(event.summary[:80] or event.uid[:80])
    if strangers:
        raise CalendarFileError(
            f"these events name nobody of `on_call.people`: {', '.join(sorted(strangers)[:20])}"
        )
    return found


def _people_of(event: CalendarEvent, people: Mapping[str, Person]) -> People:
    if event.people and all(name in people for name in event.people):
        return event.people
    attending = tuple(
        name
        for name, person in people.items()
        if person.contacts.get("email", "").lower() in event.emails
    )
    if attending:
        return attending
    title = event.summary.strip().casefold()
    names = ((person.name, person.full_name, person.full_name_zh) for person in people.values())
    return tuple(each[0] for each in names if title in {name.casefold() for name in each if name})
