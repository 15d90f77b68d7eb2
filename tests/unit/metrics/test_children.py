"""Children: what the hot path adds to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.metrics.children import CounterChild, GaugeChild, HistogramChild

BOUNDS = (0.001, 0.01, 0.1, 1.0)
VALUES = st.lists(
    st.one_of(st.sampled_from(BOUNDS), st.floats(min_value=-1, max_value=5, allow_nan=False))
)


def test_a_counter_adds_up() -> None:
    counter = CounterChild()

    counter.add()
    counter.add(2.5)

    assert counter.value == 3.5


def test_a_gauge_is_set_and_moved() -> None:
    gauge = GaugeChild()

    gauge.set(5)
    gauge.add(-2)

    assert gauge.value == 3


def test_a_value_on_a_bound_belongs_to_its_bucket() -> None:
    histogram = HistogramChild(BOUNDS)

    histogram.observe(0.01)

    assert histogram.counts == [0, 1, 0, 0, 0]


def test_a_value_above_all_bounds_is_counted_last() -> None:
    histogram = HistogramChild(BOUNDS)

    histogram.observe(7.0)

    assert histogram.counts == [0, 0, 0, 0, 1]
    assert (histogram.count, histogram.sum) == (1, 7.0)


@given(VALUES)
def test_observing_many_is_observing_each(values: list[float]) -> None:
    one_by_one, at_once = HistogramChild(BOUNDS), HistogramChild(BOUNDS)

    for value in values:
        one_by_one.observe(value)
    at_once.observe_many(values)

    assert at_once.counts == one_by_one.counts
    assert at_once.count == len(values)
    assert math.isclose(at_once.sum, one_by_one.sum, abs_tol=1e-9)


def test_observing_many_leaves_the_values_as_they_are() -> None:
    values = [3.0, 1.0, 2.0]

    HistogramChild(BOUNDS).observe_many(values)

    assert values == [3.0, 1.0, 2.0]


@pytest.mark.parametrize("values", [[], [0.5]])
def test_observing_many_takes_none_and_one(values: list[float]) -> None:
    histogram = HistogramChild(BOUNDS)

    histogram.observe_many(values)

    assert (histogram.count, histogram.sum) == (len(values), sum(values))
