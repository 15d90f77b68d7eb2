from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.clock import to_us
from event_system.kernel.spans import total_us
from event_system.oncall.calendars import Calendar, Hours

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
OFFICE = (Hours(540, 1080),)
WORKDAYS = (*[OFFICE] * 5, (), ())
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=zone))


OFFICE_DAYS = Calendar("office", SHANGHAI, WORKDAYS)
NIGHTS = Calendar("nights", BERLIN, ((Hours(0, 360), Hours(1320, 1440)),) * 7)
AROUND_THE_CLOCK = Calendar("always", BERLIN, ((Hours(0, 1440),),) * 7)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-20T08:59:59", False),
        ("2026-11-20T09:00:00", True),
        ("2026-11-20T17:59:59.999999", True),
        ("2026-11-20T18:00:00", False),
        ("2026-11-21T12:00:00", False),  # a Saturday
    ],
)
def test_a_calendar_is_open_in_its_hours(moment: str, is_open: bool) -> None:
    assert OFFICE_DAYS.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-11-20T10:00", 2, "2026-11-20T12:00"),
        ("2026-11-20T17:00", 2, "2026-11-23T10:00"),  # over the weekend
        ("2026-11-20T16:00", 2, "2026-11-20T18:00"),  # just at the close
        ("2026-11-21T03:00", 2, "2026-11-23T11:00"),
        ("2026-11-20T10:00", 24, "2026-11-24T16:00"),  # S1's P3
    ],
)
def test_a_response_time_counts_open_time_only(begin: str, hours: int, end: str) -> None:
    assert OFFICE_DAYS.add(at(begin), hours * HOUR_US, only_open=True) == at(end)


def test_a_plain_response_time_does_not_care() -> None:
    begin = at("2026-11-21T03:00")

    assert OFFICE_DAYS.add(begin, 2 * HOUR_US, only_open=False) == begin + 2 * HOUR_US


def test_holidays_close_and_moved_working_days_open() -> None:
    """As the Chinese calendar has it: a Saturday is worked for a Monday that is off."""
    calendar = Calendar(
        "zh",
        SHANGHAI,
        WORKDAYS,
        days_off={date(2026, 10, 5): "国庆节"},
        working_days={date(2026, 10, 10): 0},
    )

    assert not calendar.is_open(at("2026-10-05T10:00"))
    assert calendar.day_off(date(2026, 10, 5)) == "国庆节"
    assert calendar.is_open(at("2026-10-10T10:00"))
    assert calendar.day_off(date(2026, 10, 10)) is None
    assert calendar.next_open(at("2026-10-09T18:00")) == at("2026-10-10T09:00")


def test_a_calendar_that_never_opens_counts_plain_time() -> None:
    closed = Calendar("closed", SHANGHAI, ((),) * 7)
    begin = at("2026-11-20T10:00")

    assert closed.next_open(begin) is None
    assert closed.add(begin, HOUR_US, only_open=True) == begin + HOUR_US


def test_days_of_23_and_25_hours_have_as_much_open_time() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)

    assert total_us(AROUND_THE_CLOCK.open_on(spring)) == 23 * HOUR_US
    assert total_us(AROUND_THE_CLOCK.open_on(autumn)) == 25 * HOUR_US
    assert total_us(NIGHTS.open_on(spring)) == 7 * HOUR_US
    assert total_us(NIGHTS.open_on(autumn)) == 9 * HOUR_US


def test_a_deadline_over_the_night_of_a_change_counts_the_hours_that_there_were() -> None:
    begin = at("2026-03-28T23:00", BERLIN)

    assert NIGHTS.add(begin, 5 * HOUR_US, only_open=True) == at("2026-03-29T05:00", BERLIN)
    assert NIGHTS.add(begin, 6 * HOUR_US, only_open=True) == at("2026-03-29T06:00", BERLIN)
    assert NIGHTS.add(begin, 7 * HOUR_US, only_open=True) == at("2026-03-29T23:00", BERLIN)


def test_the_same_hours_go_by_other_clocks() -> None:
    assert OFFICE_DAYS.in_zone(BERLIN).is_open(at("2026-11-20T10:00", BERLIN))
    assert not OFFICE_DAYS.is_open(at("2026-11-20T17:00", BERLIN))


CALENDARS = st.sampled_from([OFFICE_DAYS, NIGHTS, AROUND_THE_CLOCK, OFFICE_DAYS.in_zone(BERLIN)])
MOMENTS = st.integers(at("2026-03-20T00:00"), at("2026-11-10T00:00"))
SPANS = st.integers(1, 100 * HOUR_US) | st.integers(1, 40).map(lambda n: n * 30 * MINUTE_US)


@given(CALENDARS, MOMENTS, SPANS, SPANS)
def test_spans_that_follow_each_other_add_up(
    calendar: Calendar, begin: int, one: int, other: int
) -> None:
    after_one = calendar.add(begin, one, only_open=True)

    assert calendar.add(after_one, other, only_open=True) == calendar.add(
        begin, one + other, only_open=True
    )


@given(CALENDARS, MOMENTS, SPANS, st.integers(0, 100 * HOUR_US))
def test_who_begins_later_or_takes_longer_is_not_done_earlier(
    calendar: Calendar, begin: int, span: int, more: int
) -> None:
    done = calendar.add(begin, span, only_open=True)

    assert calendar.add(begin + more, span, only_open=True) >= done
    assert calendar.add(begin, span + more, only_open=True) >= done
    assert done >= begin + span


@given(CALENDARS, MOMENTS, SPANS)
def test_a_deadline_is_never_in_closed_time(calendar: Calendar, begin: int, span: int) -> None:
    done = calendar.add(begin, span, only_open=True)

    assert calendar.is_open(done - 1)
    spent = [part for part in islice(calendar.open_from(begin), 100) if part.start_us < done]
    assert sum(min(part.end_us, done) - part.start_us for part in spent) == span


@given(CALENDARS, MOMENTS)
def test_the_next_opening_is_now_or_what_is_first_open(calendar: Calendar, begin: int) -> None:
    opening = calendar.next_open(begin)

    assert opening is not None
    assert calendar.is_open(opening)
    assert (opening == begin) == calendar.is_open(begin)
    assert opening == begin or not calendar.is_open(opening - 1)


def test_the_days_of_a_country_count_less_than_what_is_given() -> None:
    class Country:
        """Implements `PublicHolidays`."""

        def names(self, year: int) -> dict[date, str]:
            return {date(year, 5, 1): "Labour Day", date(year, 5, 5): "bridge"}

        def working_days(self, year: int) -> frozenset[date]:
            return frozenset({date(year, 5, 9)})

    calendar = Calendar(
        "mixed", ZoneInfo("UTC"), WORKDAYS, working_days={date(2026, 5, 5): 1}, public=(Country(),)
    )

    assert calendar.hours(date(2026, 5, 1)) == ()
    assert calendar.day_off(date(2026, 5, 1)) == "Labour Day"
    assert calendar.hours(date(2026, 5, 5)) == OFFICE
    assert calendar.day_off(date(2026, 5, 5)) is None
    assert calendar.hours(date(2026, 5, 9)) == OFFICE
    assert calendar.is_open(to_us(datetime(2026, 5, 9, 9, tzinfo=UTC)))
