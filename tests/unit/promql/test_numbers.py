"""Numbers as text: many at once as each alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.promql.numbers import all_answered, answered

WHOLE = st.one_of(st.integers(-(2**54), 2**54), st.integers(-50, 50)).map(float)


@given(st.one_of(st.lists(WHOLE), st.lists(st.floats()), st.lists(WHOLE | st.just(-0.0))))
def test_many_numbers_are_written_as_each_alone(values: list[float]) -> None:
    assert [*all_answered(np.array(values, np.float64))] == [answered(each) for each in values]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (2.0**60, "1152921504606847000"),
        (1e21, "1e+21"),
        (1e-7, "1e-07"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
    ],
)
def test_numbers_are_written_as_prometheus_does(value: float, text: str) -> None:
    assert [*all_answered(np.array([value]))] == [text]
