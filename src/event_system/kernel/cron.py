"""When a cron expression fires. Pure: nothing here knows what time it is now.

A firing depends on the expression, the zone and the moment before it only, so that it is the same
however often and wherever it is asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from event_system.kernel.errors import InvalidScheduleError

MAX_EXPRESSION: Final = 200
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_FIELDS: Final = 5
"""Of an expression without seconds."""


class Timetable(Protocol):
    """When something is to happen. `start` and `end` (aware) bound it, both included."""

    @property
    def cron(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def start(self) -> datetime | None: ...
    @property
    def end(self) -> datetime | None: ...


def next_firing(schedule: Timetable, after: datetime) -> datetime | None:
    """The first moment strictly after `after` at which the schedule fires, in its zone.

    Daylight saving is as in Debian's cron. A job at a fixed hour and minute fires once a day:
    at once where its time is left out, the first time where it comes twice. One with a `*` in
    its hour or minute follows the clock's hands, hour by hour as they pass. None where nothing
    follows within 50 years.
    """
    zone = ZoneInfo(schedule.time_zone)
    if schedule.start is not None:
        after = max(after, schedule.start - _MICROSECOND)
    search = _at_fixed_times if _has_fixed_time(schedule.cron) else _by_the_hands
    found = search(schedule.cron, zone, after.astimezone(UTC))
    if found is None or (schedule.end is not None and found > schedule.end):
        return None
    return found.astimezone(zone)


def _has_fixed_time(expression: str) -> bool:
    """Whether Debian's cron would take it for a job at a fixed time of the day."""
    fields = expression.split()
    return len(fields) == _FIELDS and not any(field.startswith("*") for field in fields[:2])


def _at_fixed_times(expression: str, zone: ZoneInfo, begin: datetime) -> datetime | None:
    for moment in CronSim(expression, begin.astimezone(zone)):
        # In the second of two equal hours the library tells times of the first one.
        if (found := moment.astimezone(UTC)) > begin:
            return found
    return None


def _by_the_hands(expression: str, zone: ZoneInfo, begin: datetime) -> datetime | None:
    """Search from one turn of the clock's hands to the next: between them it is plain time."""
    while True:
        offset = _offset(zone, begin + _MICROSECOND)
        plain = next(CronSim(expression, (begin + offset).replace(tzinfo=None)), None)
        if plain is None:
            return None
        found = plain.replace(tzinfo=UTC) - offset
        turn = _next_turn(zone, begin, found, offset)
        if turn is None:
            return found
        begin = turn - _MICROSECOND


def _next_turn(
    zone: ZoneInfo, begin: datetime, until: datetime, offset: timedelta
) -> datetime | None:
    """The first second after `begin`, and not after `until`, at which the hands are turned."""
    low = begin
    while low < until:
        high = min(low + _DAY, until)
        if _offset(zone, high) != offset:
            return _turn_between(zone, low, high, offset)
        low = high
    return None


def _turn_between(zone: ZoneInfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    """Hands are turned at whole seconds: the first one with another offset."""
    first, last = int(low.timestamp()), int(high.timestamp())
    while last - first > 1:
        middle = (first + last) // 2
        if _offset(zone, datetime.fromtimestamp(middle, UTC)) == offset:
            first = middle
        else:
            last = middle
    return datetime.fromtimestamp(last, UTC)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def check_cron(expression: str) -> None:
    """Raise `InvalidScheduleError` for what is no cron expression."""
    try:
        if len(expression) > MAX_EXPRESSION:
            raise CronSimError(f"over {MAX_EXPRESSION} characters")
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise InvalidScheduleError(
            f"{expression[:80]!r} is no cron expression: {error}", where="$.cron"
        ) from error


def check_zone(name: str) -> None:
    """Raise `InvalidScheduleError` for what is no IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidScheduleError(
            f"{name[:80]!r} is no time zone; one is like Europe/Berlin", where="$.time_zone"
        ) from error
