"""Time intervals of a configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from event_system.alerting.intervals import MINUTES_A_DAY, Span, TimeInterval
from event_system.alerting.reading.sections import Section

_DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_LAST_YEAR: Final = 9999


def time_intervals(section: Section) -> tuple[str, tuple[TimeInterval, ...]]:
    """The name of a set of intervals, and these."""
    name = section.text("name")
    if not name:
        section.fault("name", "is needed")
    intervals = tuple(_interval(each) for each in section.sections("time_intervals"))
    section.done()
    return name, intervals


def _interval(section: Section) -> TimeInterval:
    interval = TimeInterval(
        times=tuple(span for each in section.sections("times") for span in _times(each)),
        weekdays=_spans(section, "weekdays", _named(_DAYS, 0), "a day of the week"),
        days_of_month=_spans(section, "days_of_month", _day_of_month, "a day of a month"),
        months=_spans(section, "months", _named(_MONTHS, 1), "a month"),
        years=_spans(section, "years", _year, "a year"),
        zone=_zone(section),
    )
    section.done()
    return interval


def _times(section: Section) -> list[Span]:
    start, end = _minute(section, "start_time"), _minute(section, "end_time")
    section.done()
    if start is None or end is None:
        return []
    if start >= end:
        section.fault("end_time", "has to come after `start_time`")
        return []
    return [Span(start, end)]


def _minute(section: Section, key: str) -> int | None:
    found = section.raw(key)
    if isinstance(found, int) and not isinstance(found, bool) and 600 <= found < MINUTES_A_DAY:
        return found  # YAML reads 17:00 without quotes as 17 times 60
    match = _TIME.fullmatch(found) if isinstance(found, str) else None
    if match is None:
        section.fault(key, "has to be a time such as '09:00', in quotes; '24:00' ends a day")
        return None
    return MINUTES_A_DAY if match[1] is None else int(match[1]) * 60 + int(match[2])


def _spans(
    section: Section, key: str, read: Callable[[str], int | None], told: str
) -> tuple[Span, ...]:
    found = []
    for text in section.texts(key):
        ends = [read(part.strip().lower()) for part in text.split(":")]
        first, last = ends[0], ends[-1]
        if len(ends) > 2 or first is None or last is None:
            section.fault(key, f"{text[:80]!r} is neither {told} nor two with a colon between")
        elif (first > last) and not (key == "days_of_month" and first > 0 > last):
            section.fault(key, f"{text[:80]!r} ends before it begins")
        else:
            found.append(Span(first, last))
    return tuple(found)


def _named(names: Sequence[str], first: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        if text in names:
            return names.index(text) + first
        number = int(text) if text.isdecimal() and len(text) < 3 else -1
        return number if first == 1 and 1 <= number <= len(names) else None

    return read


def _day_of_month(text: str) -> int | None:
    found = re.fullmatch(r"-?\d{1,2}", text)
    return int(text) if found and 1 <= abs(int(text)) <= 31 else None


def _year(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{4}", text) and 0 < int(text) <= _LAST_YEAR else None


def _zone(section: Section) -> ZoneInfo | None:
    name = section.text("location")
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        section.fault("location", f"there is no time zone {name[:80]!r}")
        return None
