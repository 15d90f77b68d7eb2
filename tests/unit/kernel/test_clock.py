"""Times inside and outside."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.clock import rfc3339, to_datetime, to_us

moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


@given(moments)
def test_a_datetime_survives_the_way_through_microseconds(moment: datetime) -> None:
    assert to_datetime(to_us(moment)) == moment


@given(moments)
def test_the_outside_form_is_cut_to_milliseconds(moment: datetime) -> None:
    text = rfc3339(to_us(moment))
    assert text.endswith("Z")
    shown = datetime.fromisoformat(text)
    assert shown == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
