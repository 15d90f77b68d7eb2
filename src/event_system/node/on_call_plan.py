"""What the settings `on_call` come to: a plan, or all that is wrong with them.

What reads calendars loads where a file is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import EventSystemError
from event_system.kernel.spans import Span, total_us
from event_system.node.on_call_settings import (
    CalendarSettings,
    LayerSettings,
    OnCallSettings,
    PersonSettings,
    ScheduleSettings,
)
from event_system.node.settings_file import KeyPath
from event_system.oncall import reading
from event_system.oncall.calendars import Calendar, Hours
from event_system.oncall.people import METHODS, Person
from event_system.oncall.plan import Plan
from event_system.oncall.ports import PublicHolidays
from event_system.oncall.public_holidays import CountryHolidays
from event_system.oncall.rotations import Layer
from event_system.oncall.schedules import Schedule, Turns

T = TypeVar("T")
P = ParamSpec("P")
LOOK_AHEAD_US = 28 * 86_400_000_000


@dataclass(slots=True)
class ReadPlan:
    """A plan, the faults by the key that each is about, and the files that were looked at."""

    plan: Plan = field(default_factory=Plan)
    faults: list[tuple[KeyPath, str]] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


def read_plan(settings: OnCallSettings, base: Path) -> ReadPlan:
    """Build what the settings say; relative files lie in `base`. Never raises."""
    reader = _Reader(settings, base)
    reader.read()
    return reader.found


def gap_warnings(plan: Plan, now_us: int) -> list[str]:
    """Schedules that leave a part of the coming four weeks to nobody."""
    within = Span(now_us, now_us + LOOK_AHEAD_US)
    found = []
    for schedule in plan.schedules.values():
        if gaps := schedule.gaps(within):
            hours = total_us(gaps) / 3_600_000_000
            first = to_datetime(gaps[0].start_us).astimezone(schedule.zone)
            found.append(
                f"on_call.schedules.{schedule.name}: nobody is on call for {hours:.0f} hours of "
                f"the coming four weeks, first on {first:%Y-%m-%d %H:%M %Z}"
            )
    return found


class _Reader:
    def __init__(self, settings: OnCallSettings, base: Path) -> None:
        self._settings = settings
        self._base = base
        self._people: dict[str, Person] = {}
        self.found = ReadPlan()

    def read(self) -> None:
        settings = self._settings
        calendars = {
            name: self._calendar(name, given) for name, given in settings.calendars.items()
        }
        self._people = {name: self._person(name, given) for name, given in settings.people.items()}
        schedules = {
            name: self._schedule(name, given) for name, given in settings.schedules.items()
        }
        self._check_calendar(settings.calendar, ("on_call", "calendar"))
        self.found.plan = Plan(
            people=self._people,
            calendars=calendars,
            floating=frozenset(
                name for name, given in settings.calendars.items() if given.time_zone is None
            ),
            schedules=schedules,
            default_calendar=settings.calendar,
        )

    # Parts

    def _person(self, name: str, given: PersonSettings) -> Person:
        key: KeyPath = ("on_call", "people", name)
        self._check_calendar(given.calendar, (*key, "calendar"))
        contacts = {method: getattr(given, method) for method in METHODS}
        return Person(
            name=name,
            full_name=given.name or name,
            zone=self._zone(given.time_zone, (*key, "time_zone")),
            contacts={method: address for method, address in contacts.items() if address},
            language=given.language,
            full_name_zh=given.name_zh,
            calendar=given.calendar,
        )

    def _calendar(self, name: str, given: CalendarSettings) -> Calendar:
        key: KeyPath = ("on_call", "calendars", name)
        week: list[tuple[Hours, ...]] = [()] * 7
        for days, texts in given.hours.items():
            place: KeyPath = (*key, "hours", days)
            hours = self._try(place, reading.read_hours, texts) or ()
            for day in self._try(place, reading.read_weekdays, days) or ():
                if week[day]:
                    self._fault(place, f"{reading.WEEKDAYS[day]} has hours already")
                week[day] = hours
        if not any(week):
            self._fault((*key, "hours"), "it never opens")
        return Calendar(
            name=name,
            zone=UTC
            if given.time_zone is None
            else self._zone(given.time_zone, (*key, "time_zone")),
            week=tuple(week),
            days_off=self._days_off(given, key),
            working_days={
                each.date: self._weekday(each.weekday, (*key, "working_days", number))
                for number, each in enumerate(given.working_days)
            },
            public=tuple(self._public(given, key)),
        )

    def _days_off(self, given: CalendarSettings, key: KeyPath) -> dict[date, str]:
        found = {}
        for number, each in enumerate(given.holidays):
            last = each.until or each.date
            days = self._try((*key, "holidays", number), reading.read_days, each.date, last) or ()
            found.update(dict.fromkeys(days, each.name))
        return found

    def _weekday(self, text: str, key: KeyPath) -> int:
        days = self._try(key, reading.read_weekdays, text) or [0]
        if len(days) != 1:
            self._fault(key, f"{text!r} is not one weekday")
        return days[0]

    def _public(self, given: CalendarSettings, key: KeyPath) -> Iterable[PublicHolidays]:
        if (country := given.country) is not None:
            place = (*key, "part" if given.part else "country")
            known = self._try(place, CountryHolidays, country, given.part)
            if known is not None:
                yield known
        elif given.part is not None:
            self._fault((*key, "part"), "a part needs its country")
        if given.holidays_file is not None:
            from event_system.oncall.ical.using import ImportedHolidays

            place = (*key, "holidays_file")
            yield ImportedHolidays(self._file(given.holidays_file, UTC, place))

    def _schedule(self, name: str, given: ScheduleSettings) -> Schedule:
        key: KeyPath = ("on_call", "schedules", name)
        zone = self._zone(given.time_zone, (*key, "time_zone"))
        self._check_calendar(given.calendar, (*key, "calendar"))
        layers: list[Turns] = []
        for number, each in enumerate(given.layers):
            layer = self._layer(each, each.name or str(number + 1), zone, (*key, "layers", number))
            if layer is not None:
                layers.append(layer)
        if len({layer.name for layer in layers}) < len(layers):
            self._fault((*key, "layers"), "two layers have the same name")
        return Schedule(name, zone, tuple(layers), given.calendar, given.description)

    def _layer(self, given: LayerSettings, name: str, zone: tzinfo, key: KeyPath) -> Turns | None:
        if (given.file is None) == (not given.people):
            self._fault(key, "give `people`, or a `file`")
            return None
        if given.file is not None:
            from event_system.oncall.ical.using import ImportedLayer, named_people

            events = self._file(given.file, zone, (*key, "file"))
            named = self._try((*key, "file"), named_people, events, self._people) or []
            return ImportedLayer(name, named)
        for number, people in enumerate(given.people):
            for person in people:
                if person not in self._people:
                    self._fault((*key, "people", number), f"no person {person[:80]!r}")
        if given.start is None:
            self._fault((*key, "start"), "a rotation needs the date of its first hand-over")
            return None
        minutes = self._try((*key, "hand_over"), reading.read_clock, given.hand_over) or 0
        first = datetime.combine(given.start, datetime.min.time()) + timedelta(minutes=minutes)
        if given.until is not None and given.until < given.start:
            self._fault((*key, "until"), "it ends before it begins")
        restrictions = [
            self._try(
                (*key, "restrictions", number),
                reading.read_restriction,
                each.days,
                each.start,
                each.end,
            )
            for number, each in enumerate(given.restrictions)
        ]
        return Layer(
            name=name,
            turns=tuple(tuple(people) for people in given.people),
            zone=zone,
            first=first,
            length=self._try((*key, "turn"), reading.read_length, given.turn) or timedelta(days=1),
            restrictions=tuple(each for each in restrictions if each is not None),
            last=given.until,
        )

    # Faults

    def _fault(self, key: KeyPath, problem: str) -> None:
        self.found.faults.append((key, problem))

    def _try(
        self, key: KeyPath, read: Callable[P, T], *given: P.args, **named: P.kwargs
    ) -> T | None:
        """What is read; None where that is a fault."""
        try:
            return read(*given, **named)
        except ValueError as error:
            self._fault(key, str(error))
        except EventSystemError as error:
            self._fault(key, error.detail)
        return None

    def _zone(self, name: str, key: KeyPath) -> tzinfo:
        return self._try(key, reading.read_zone, name) or UTC

    def _check_calendar(self, name: str | None, key: KeyPath) -> None:
        if name is not None and name not in self._settings.calendars:
            known = ", ".join(sorted(self._settings.calendars)) or "none"
            self._fault(key, f"no calendar {name[:80]!r}; known: {known}")

    def _file(self, name: str, zone: tzinfo, key: KeyPath) -> list[Any]:
        from event_system.oncall.ical.reading import MAX_BYTES, read_events

        path = self._base / name
        self.found.paths.append(path)
        try:
            with path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
        except OSError as error:
            self._fault(key, f"{path} cannot be read: {error.strerror}")
            return []
        return self._try(key, read_events, text, zone) or []
