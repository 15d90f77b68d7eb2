"""Durations and sizes."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.node.quantities import (
    MAX_SECONDS,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@given(st.integers(0, MAX_SECONDS * 1000))
def test_a_duration_survives_being_written(ms: int) -> None:
    duration = timedelta(milliseconds=ms)
    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(0, 2**50))
def test_a_size_survives_being_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("1h30m", 5400), (1.5, 1.5), ("24h", 86400)]
)
def test_durations_are_read(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1s", "5", "1s2", "4000d", True, None])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "big", "-1", "1PiB", 1.5, True])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a size"):
        parse_size(text)
