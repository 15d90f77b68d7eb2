"""Working hours: when a calendar is open, and when a span of open time is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from event_system.kernel.civil import moment_of, wall_time
from event_system.kernel.spans import Span
from event_system.oncall.ports import PublicHolidays

DAY_MINUTES: Final = 1440
LONGEST_LOOK_DAYS: Final = 3660
"""How far ahead an opening is looked for."""
_DAY = timedelta(days=1)


class Hours(NamedTuple):
    """A part of a day, in minutes from midnight: from `start` up to, but not, `end`."""

    start: int
    end: int


Week = tuple[tuple[Hours, ...], ...]
"""The hours of the seven weekdays, Monday first; those of a day are sorted and do not meet."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours by weekday in a time zone, with days off and working days that are moved.

    What is given by its date counts more than public days, and a working day more than a day off. `working_days` says by which weekday's hours (Monday is 0) a date goes.
    """

    name: str
    zone: tzinfo
    week: Week
    days_off: Mapping[date, str] = field(default_factory=dict)
    working_days: Mapping[date, int] = field(default_factory=dict)
    public: tuple[PublicHolidays, ...] = ()

    def in_zone(self, zone: tzinfo) -> Calendar:
        """The same hours by other clocks."""
        return replace(self, zone=zone)

    def hours(self, day: date) -> tuple[Hours, ...]:
        """The hours of one date."""
        if (weekday := self.working_days.get(day)) is not None:
            return self.week[weekday]
        if day in self.days_off:
            return ()
        if self._is_worked(day):
            return next((hours for hours in self.week if hours), ())  # as on the first workday
        return () if self._public_name(day) is not None else self.week[day.weekday()]

    def day_off(self, day: date) -> str | None:
        """The name of the holiday that closes a date."""
        if day in self.working_days:
            return None
        if (name := self.days_off.get(day)) is not None:
            return name
        return None if self._is_worked(day) else self._public_name(day)

    def _is_worked(self, day: date) -> bool:
        return any(day in public.working_days(day.year) for public in self.public)

    def _public_name(self, day: date) -> str | None:
        names = (public.names(day.year).get(day) for public in self.public)
        return next((name for name in names if name is not None), None)

    def is_open(self, at_us: int) -> bool:
        return any(span.start_us <= at_us < span.end_us for span in self._around(at_us))

    def next_open(self, at_us: int) -> int | None:
        """The moment itself where it is open, else the next opening; None where there is none."""
        span = next(self.open_from(at_us), None)
        return None if span is None else span.start_us

    def add(self, at_us: int, span_us: int, *, only_open: bool) -> int:
        """When a span of time is over that begins at a moment.

        With `only_open` only open time counts, so the end lies in open time or just at its close.
        Where the calendar does not open for as long within ten years, plain time counts.
        """
        if not only_open or span_us <= 0:
            return at_us + max(0, span_us)
        left = span_us
        for span in self.open_from(at_us):
            if span.length_us >= left:
                return span.start_us + left
            left -= span.length_us
        return at_us + span_us

    def open_from(self, at_us: int) -> Iterator[Span]:
        """The spans of open time from a moment on, in their order, for ten years."""
        first = self._date(at_us) - _DAY
        for number in range(LONGEST_LOOK_DAYS):
            for span in self.open_on(first + number * _DAY):
                if span.end_us > at_us:
                    yield Span(max(span.start_us, at_us), span.end_us)

    def open_on(self, day: date) -> list[Span]:
        """The spans of open time of one date. The hours that a change of clocks skips are none."""
        found = (
            Span(self._moment(day, hours.start), self._moment(day, hours.end))
            for hours in self.hours(day)
        )
        return [span for span in found if span.length_us]

    def _around(self, at_us: int) -> Iterator[Span]:
        day = self._date(at_us)
        for near in (day - _DAY, day, day + _DAY):
            yield from self.open_on(near)

    def _date(self, at_us: int) -> date:
        return wall_time(at_us, self.zone).date()

    def _moment(self, day: date, minute: int) -> int:
        return moment_of(datetime.combine(day, time()) + timedelta(minutes=minute), self.zone)
