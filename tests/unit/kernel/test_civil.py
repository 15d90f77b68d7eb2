from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.civil import moment_of, wall_time
from event_system.kernel.clock import to_us

ZONES = st.sampled_from(
    ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
).map(ZoneInfo)
WALLS = st.datetimes(*map(datetime.fromisoformat, ("2024-01-01", "2028-01-01")))


def utc(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        ("Europe/Berlin", "2026-01-10T09:00", "2026-01-10T08:00"),
        ("Europe/Berlin", "2026-07-10T09:00", "2026-07-10T07:00"),
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00"),  # skipped
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),  # twice
        ("America/New_York", "2026-03-08T02:00", "2026-03-08T07:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),  # by half an hour
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),  # a day that was not
    ],
)
def test_a_wall_time_is_the_first_moment_that_shows_it(zone: str, wall: str, moment: str) -> None:
    assert moment_of(datetime.fromisoformat(wall), ZoneInfo(zone)) == utc(moment)


@given(ZONES, WALLS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_later_wall_time_is_never_an_earlier_moment(
    zone: ZoneInfo, wall: datetime, later: timedelta
) -> None:
    assert moment_of(wall, zone) <= moment_of(wall + later, zone)


@given(ZONES, WALLS)
def test_at_that_moment_the_clocks_have_come_there_and_not_before(
    zone: ZoneInfo, wall: datetime
) -> None:
    moment = moment_of(wall, zone)

    assert wall_time(moment, zone) >= wall
    assert wall_time(moment - 1, zone) < wall
