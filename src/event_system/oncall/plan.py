"""What the settings say of on-call: people, calendars, schedules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Final, TypeVar

from event_system.kernel.errors import OnCallNotFoundError
from event_system.oncall.calendars import Calendar, Hours
from event_system.oncall.people import Person
from event_system.oncall.schedules import Schedule

T = TypeVar("T")

OFFICE: Final = (Hours(540, 1080),)
"""09:00 to 18:00."""
OFFICE_CALENDAR: Final = Calendar("office", UTC, (*[OFFICE] * 5, (), ()))


@dataclass(frozen=True, slots=True)
class Plan:
    """Never changes; a reload brings another. `calendars` with their zone, where they have one."""

    people: Mapping[str, Person] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    floating: frozenset[str] = frozenset()
    """Names of the calendars that go by the clocks of whoever is asked for."""
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    default_calendar: str | None = None

    def person(self, name: str) -> Person:
        """Raises `OnCallNotFoundError`."""
        return _found(self.people, name, "person")

    def schedule(self, name: str) -> Schedule:
        """Raises `OnCallNotFoundError`."""
        return _found(self.schedules, name, "schedule")

    def calendar(self, name: str) -> Calendar:
        """Raises `OnCallNotFoundError`."""
        return _found(self.calendars, name, "calendar")

    def working_hours(self, person: Person | None, schedule: Schedule | None = None) -> Calendar:
        """The calendar of a person: their own, that of the schedule, or that of all.

        One without a time zone goes by the person's clocks, without a person by the schedule's.
        """
        own = None if person is None else person.calendar
        shared = None if schedule is None else schedule.calendar
        named = own or shared or self.default_calendar
        calendar = self.calendars[named] if named else OFFICE_CALENDAR
        whose = person or schedule
        if whose is not None and (named is None or named in self.floating):
            return calendar.in_zone(whose.zone)
        return calendar


def _found(among: Mapping[str, T], name: str, what: str) -> T:
    found = among.get(name)
    if found is None:
        known = ", ".join(sorted(among)[:20]) or "none"
        raise OnCallNotFoundError(f"no {what} {name[:80]!r}; known: {known}", where=what)
    return found
