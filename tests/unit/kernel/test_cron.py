"""When cron expressions fire: the same from whatever moment one asks, in every zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.kernel.cron import check_cron, check_zone, next_firing
from event_system.kernel.errors import InvalidScheduleError

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "Asia/Beirut"),
    *("Australia/Lord_Howe", "Antarctica/Troll", "America/Sao_Paulo", "Africa/Casablanca"),
    *("Pacific/Apia", "Europe/Dublin", "America/Havana", "Pacific/Chatham"),
)


class Times(NamedTuple):
    """Implements `Timetable`."""

    cron: str
    time_zone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None


def field(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.lists(st.integers(low, high), min_size=1, max_size=3, unique=True)
    listed = numbers.map(lambda found: ",".join(map(str, sorted(found))))
    steps = st.sampled_from([2, 3, 5, 7, 15]).map(lambda step: f"*/{step}")
    return st.one_of(st.just("*"), steps, listed)


FIVE = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
SIX = st.tuples(field(0, 59), FIVE).map(lambda parts: (parts[0], *parts[1]))
EXPRESSIONS = st.one_of(FIVE, SIX).map(" ".join)
MOMENTS = st.integers(1_230_000_000, 2_050_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
TIMES = st.tuples(EXPRESSIONS, st.sampled_from(ZONES)).map(lambda parts: Times(*parts))


def firings(times: Times, after: datetime) -> Iterator[datetime]:
    moment: datetime | None = after
    while moment is not None and (moment := next_firing(times, moment)) is not None:
        yield moment


def some(times: Times, after: datetime, count: int) -> list[datetime]:
    return [moment.astimezone(UTC) for moment, _ in zip(firings(times, after), range(count))]  # noqa: B905


@given(TIMES, MOMENTS, st.lists(st.floats(0, 1), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_restart_at_any_moment_neither_skips_nor_doubles(
    times: Times, after: datetime, moments: list[float]
) -> None:
    fired = [after, *some(times, after, 12)]

    assert all(earlier < later for earlier, later in pairwise(fired))
    for earlier, later in pairwise(fired):
        for part in moments:
            restart = min(earlier + (later - earlier) * part, later - timedelta(microseconds=1))
            found = next_firing(times, restart)
            assert found is not None
            assert found.astimezone(UTC) == later


@given(TIMES, MOMENTS)
@settings(max_examples=100, deadline=None)
def test_a_firing_is_told_in_the_zone_of_its_schedule(times: Times, after: datetime) -> None:
    for moment in some(times, after, 3):
        found = next_firing(times, moment)
        assert found is not None
        assert found.tzinfo == ZoneInfo(times.time_zone)


@given(st.integers(0, 59), st.integers(0, 23), st.sampled_from(ZONES), st.integers(2009, 2035))
@settings(max_examples=60, deadline=None)
def test_a_daily_job_fires_once_every_day(minute: int, hour: int, zone: str, year: int) -> None:
    times = Times(f"{minute} {hour} * * *", zone)
    first = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)) - timedelta(microseconds=1)

    days = Counter[date]()
    for moment in firings(times, first.astimezone(UTC)):
        if moment.year > year:
            break
        days[moment.date()] += 1

    left_out = {date(2011, 12, 30)}  # Samoa went over the date line, and never had this day
    whole = {date(year, 1, 1) + timedelta(days=n) for n in range(365)}
    assert max(days.values()) == 1 or zone == "Pacific/Apia"
    assert whole - set(days) <= left_out


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        # Berlin, 29 March 2026: the hands go from 2:00 to 3:00.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-29T01:00Z"]),
        (
            "0,30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            ["2026-03-29T01:00Z", "2026-03-30T00:00Z"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00Z",
            ["2026-03-29T00:30Z", "2026-03-29T01:00Z"],
        ),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00Z", ["2026-03-30T00:30Z"]),
        # Berlin, 25 October 2026: the hands go from 3:00 back to 2:00.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00Z",
            ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
        ),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10Z", ["2026-10-26T01:30Z"]),
        (
            "30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:00Z",
            ["2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"],
        ),
        # Lord Howe, 4 October 2026: half an hour is left out, 2:00 is 2:30.
        (
            "0 */2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T13:00Z",
            ["2026-10-03T13:30Z", "2026-10-03T17:00Z"],
        ),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]),
        ("*/20 0 12 * * *", "UTC", "2026-01-01T12:00Z", ["2026-01-01T12:00:20Z"]),
    ],
)
def test_it_fires_as_debians_cron_does(
    cron: str, zone: str, after: str, expected: list[str]
) -> None:
    found = some(Times(cron, zone), datetime.fromisoformat(after), len(expected))

    assert found == [datetime.fromisoformat(moment) for moment in expected]


def test_start_and_end_belong_to_its_time() -> None:
    start, end = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC)
    times = Times("0 0 * * *", "UTC", start, end)

    found = some(times, datetime(2025, 1, 1, tzinfo=UTC), 10)

    assert found == [datetime(2026, 1, day, tzinfo=UTC) for day in (2, 3, 4)]


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "60 * * * *", "* * * * * * *", "0 0 30 2 *", "every day", "* " * 200, "@daily"],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(InvalidScheduleError) as error:
        check_cron(expression)

    assert error.value.where == "$.cron"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/passwd"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidScheduleError) as error:
        check_zone(zone)

    assert error.value.where == "$.time_zone"
