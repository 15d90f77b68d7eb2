"""Times inside and outside."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.clock import rfc3339, to_datetime, to_us

moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


@given(moments)
def test_a_datetime_survives_the_way_through_microseconds(moment: datetime) -> None:
    assert to_datetime(to_us(moment)) == moment


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_795_331_482_123_999, "2026-11-22T07:11:22.123Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00.000Z"),
    ],
)
def test_the_outside_form_has_four_digits_of_year_and_three_of_milliseconds(
    us: int, text: str
) -> None:
    assert rfc3339(us) == text


@given(moments)
def test_the_outside_form_is_cut_to_milliseconds(moment: datetime) -> None:
    text = rfc3339(to_us(moment))
    assert text.endswith("Z")
    shown = datetime.fromisoformat(text)
    assert shown == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
