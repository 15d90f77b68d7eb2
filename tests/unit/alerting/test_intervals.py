from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from event_system.alerting.intervals import Span, TimeInterval, containing
from event_system.kernel.clock import to_us


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


WORK = TimeInterval(times=(Span(540, 1020),), weekdays=(Span(1, 5),))


@pytest.mark.parametrize(
    ("interval", "moment", "contains"),
    [
        (TimeInterval(), "2026-11-21T12:00:00", True),
        (WORK, "2026-11-20T09:00:00", True),
        (WORK, "2026-11-20T08:59:59", False),
        (WORK, "2026-11-20T17:00:00", False),
        (WORK, "2026-11-21T12:00:00", False),
        (TimeInterval(weekdays=(Span(0, 0),)), "2026-11-22T00:00:00", True),
        (TimeInterval(days_of_month=(Span(-1, -1),)), "2026-02-28T12:00:00", True),
        (TimeInterval(days_of_month=(Span(-1, -1),)), "2024-02-28T12:00:00", False),
        (TimeInterval(days_of_month=(Span(31, 31),)), "2026-04-30T12:00:00", False),
        (TimeInterval(days_of_month=(Span(25, -1),)), "2026-04-30T12:00:00", True),
        (TimeInterval(days_of_month=(Span(-31, 2),)), "2026-02-01T12:00:00", True),
        (TimeInterval(months=(Span(1, 3),)), "2026-04-01T00:00:00", False),
        (TimeInterval(years=(Span(2026, 2027),)), "2027-12-31T23:59:59", True),
        (TimeInterval(times=(Span(0, 1440),)), "2026-11-21T23:59:59", True),
    ],
)
def test_a_moment_lies_within_or_not(interval: TimeInterval, moment: str, contains: bool) -> None:
    assert interval.contains(at(moment)) is contains


def test_working_hours_are_those_of_their_time_zone_in_winter_and_in_summer() -> None:
    shanghai = TimeInterval(times=WORK.times, zone=ZoneInfo("Asia/Shanghai"))
    berlin = TimeInterval(times=WORK.times, zone=ZoneInfo("Europe/Berlin"))

    assert shanghai.contains(at("2026-11-20T01:00:00"))
    assert not shanghai.contains(at("2026-11-20T09:00:00"))
    assert berlin.contains(at("2026-07-20T07:00:00"))
    assert not berlin.contains(at("2026-11-20T07:00:00"))


def test_the_first_interval_that_contains_a_moment_is_named() -> None:
    intervals = {"off": (TimeInterval(weekdays=(Span(6, 6),)),), "work": (WORK,)}

    assert containing(intervals, ["work", "off"], at("2026-11-21T12:00:00")) == "off"
    assert containing(intervals, [], at("2026-11-21T12:00:00")) is None
