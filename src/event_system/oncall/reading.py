"""What people write in settings: zones, weekdays, hours, lengths of turns.

Each function raises `ValueError` with what is wrong and how to write it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from event_system.oncall.calendars import DAY_MINUTES, Hours
from event_system.oncall.rotations import Restriction

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_TURN_DAYS: Final = 366
LONGEST_HOLIDAY_DAYS: Final = 366
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_LENGTH = re.compile(r"(\d{1,4})(h|d|w)")
_NAMED: Final = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}


def read_zone(name: str) -> ZoneInfo:
    """`Asia/Shanghai`."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(
            f"{name[:80]!r} is no time zone; give an IANA name such as Asia/Shanghai"
        ) from None


def read_clock(text: str) -> int:
    """Minutes from midnight of `09:00`; 24:00 is the day's end."""
    found = _CLOCK.fullmatch(text.strip())
    minute = int(found[1]) * 60 + int(found[2]) if found else DAY_MINUTES + 1
    if minute > DAY_MINUTES:
        raise ValueError(f"{text[:40]!r} is no time of day; write 00:00 to 24:00")
    return minute


def read_weekdays(text: str) -> list[int]:
    """Monday is 0: `mon`, `mon-fri`, `sat,sun`, `fri-mon`."""
    found: list[int] = []
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise ValueError(f"{text[:40]!r} are no weekdays; write mon, mon-fri or sat,sun")
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        found += [day % 7 for day in range(start, (end if end >= start else end + 7) + 1)]
    return sorted(set(found))


def read_hours(texts: Iterable[str]) -> tuple[Hours, ...]:
    """`09:00-12:00` and `13:00-18:00`, in their order, within one day."""
    found: list[Hours] = []
    for text in texts:
        start, dash, end = text.partition("-")
        if not dash:
            raise ValueError(f"{text[:40]!r} are no hours; write 09:00-18:00")
        hours = Hours(read_clock(start), read_clock(end))
        if hours.end <= hours.start:
            raise ValueError(
                f"{text[:40]!r} ends before it begins; write 22:00-24:00, and the rest as the "
                "next day's"
            )
        if found and hours.start < found[-1].end:
            raise ValueError(f"{text[:40]!r} begins before the hours in front of it end")
        found.append(hours)
    return tuple(found)


def read_restriction(days: str, from_: str, to: str) -> Restriction:
    """Weekdays and two times of day; where the second is not later it is the next day's."""
    start, end = read_clock(from_), read_clock(to)
    if start == DAY_MINUTES:
        raise ValueError("a day's part begins before 24:00")
    return Restriction(
        frozenset(read_weekdays(days)), start, end if end > start else end + DAY_MINUTES
    )


def read_length(text: str) -> timedelta:
    """`daily`, `weekly`, or a number of hours, days or weeks: `12h`, `3d`, `2w`."""
    if (named := _NAMED.get(text)) is not None:
        return named
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text[:40]!r} is no length of a turn; write daily, weekly, 12h, 3d or 2w"
        )
    unit = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[found[2]]
    length = int(found[1]) * unit
    if not timedelta(hours=1) <= length <= timedelta(days=LONGEST_TURN_DAYS):
        raise ValueError(f"a turn lasts from an hour to {LONGEST_TURN_DAYS} days")
    return length


def read_days(first: date, last: date) -> list[date]:
    """All dates from the first to the last, both included."""
    count = (last - first).days + 1
    if not 1 <= count <= LONGEST_HOLIDAY_DAYS:
        raise ValueError(
            f"{first} to {last} is no range of days; the last is not before the first, and not "
            f"over {LONGEST_HOLIDAY_DAYS} days later"
        )
    return [first + timedelta(days=number) for number in range(count)]
