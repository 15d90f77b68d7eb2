"""Time intervals: working hours, weekends, holidays, in a time zone."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from event_system.kernel.clock import to_datetime, to_us

MINUTES_A_DAY: Final = 1440
_HALF_HOUR_US: Final = 1_800_000_000


class Span(NamedTuple):
    """From `first` to `last`, both within."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Moments that fit all of what is given. An empty tuple means: whatever.

    `times` are minutes of the day without their ends; `weekdays` count from Sunday as 0;
    `days_of_month` may be negative, from the month's end.
    """

    times: tuple[Span, ...] = ()
    weekdays: tuple[Span, ...] = ()
    days_of_month: tuple[Span, ...] = ()
    months: tuple[Span, ...] = ()
    years: tuple[Span, ...] = ()
    zone: tzinfo | None = None

    def contains(self, now_us: int) -> bool:
        moment = to_datetime(now_us)
        local = moment if self.zone is None else moment.astimezone(self.zone)
        return (
            _of_day(self.times, local.hour * 60 + local.minute)
            and _within(self.weekdays, local.isoweekday() % 7)
            and _of_month(self.days_of_month, local)
            and _within(self.months, local.month)
            and _within(self.years, local.year)
        )


def _within(spans: Iterable[Span], value: int) -> bool:
    spans = tuple(spans)
    return not spans or any(first <= value <= last for first, last in spans)


def _of_day(spans: tuple[Span, ...], minute: int) -> bool:
    return not spans or any(first <= minute < last for first, last in spans)


def _of_month(spans: tuple[Span, ...], local: datetime) -> bool:
    if not spans:
        return True
    days = monthrange(local.year, local.month)[1]
    return any(_covers(span, local.day, days) for span in spans)


def _covers(span: Span, day: int, days: int) -> bool:
    first, last = (day_ if day_ > 0 else days + day_ + 1 for day_ in span)
    return first <= days and max(first, 1) <= day <= min(last, days)


Intervals = Mapping[str, tuple[TimeInterval, ...]]
"""The time intervals of a configuration by their names."""


def containing(intervals: Intervals, names: Iterable[str], now_us: int) -> str | None:
    """The first of these intervals that the moment lies in."""
    for name in names:
        if any(interval.contains(now_us) for interval in intervals[name]):
            return name
    return None


def changes(
    intervals: Intervals, names: Iterable[str], after_us: int, days: int = 32
) -> Iterator[int]:
    """The moments of the next days at which one of these may begin or end, in no order."""
    for name in names:
        for interval in intervals[name]:
            yield from (us for us in _edges(interval, after_us, days) if us > after_us)


def _edges(interval: TimeInterval, after_us: int, days: int) -> Iterator[int]:
    """Each midnight and each edge of `times`; on a day of turning hands every half hour, too."""
    zone = interval.zone or UTC
    minutes = sorted({0, *(minute for span in interval.times for minute in span)})
    first = (
        to_datetime(after_us).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    for number in range(days):
        day, next_ = first + timedelta(days=number), first + timedelta(days=number + 1)
        for minute in minutes:
            moment = day + timedelta(minutes=minute)
            yield to_us(moment.astimezone(UTC))
            yield to_us(moment.replace(fold=1).astimezone(UTC))  # a minute may come twice
        if day.utcoffset() != next_.utcoffset():
            midnight = to_us(day.astimezone(UTC))
            yield from (midnight + half * _HALF_HOUR_US for half in range(1, 52))
