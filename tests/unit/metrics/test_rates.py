"""Sliding windows against a plain model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.metrics.rates import FailureShare, Growth, RateWindow

STEPS = st.lists(
    st.tuples(st.floats(min_value=0, max_value=40), st.integers(min_value=0, max_value=1000)),
    max_size=60,
)


@given(
    start=st.floats(min_value=0, max_value=1e6),
    steps=STEPS,
    span=st.integers(min_value=1, max_value=90),
    idle=st.floats(min_value=0, max_value=200),
)
def test_the_total_is_that_of_the_newest_seconds(
    start: float, steps: list[tuple[float, int]], span: int, idle: float
) -> None:
    window = RateWindow(span)
    now, added = start, []
    for pause, amount in steps:
        now += pause
        window.add(amount, now)
        added.append((int(now), amount))
    now += idle

    expected = sum(amount for at, amount in added if at > int(now) - span)

    assert window.total(now) == expected


def test_a_steady_stream_has_its_rate_from_the_first_second_on() -> None:
    window = RateWindow(60)

    rates = []
    for second in range(200):
        window.add(500, second)
        rates.append(window.per_second(second))

    assert rates == [500.0] * 200


def test_a_stream_that_ends_fades_out_within_the_window() -> None:
    window = RateWindow(10)
    for second in range(10):
        window.add(10, second)

    assert window.per_second(14) == 5.0
    assert window.per_second(19) == 0.0


def test_an_unused_window_has_no_rate() -> None:
    assert RateWindow(10).per_second(5.0) == 0.0


def test_time_that_goes_back_counts_as_the_newest_seen() -> None:
    window = RateWindow(10)
    window.add(1, 100.0)
    window.add(1, 50.0)

    assert window.total(100.0) == 2


def test_growth_is_what_a_total_gained_within_the_span() -> None:
    growth = Growth(10)

    gained = [growth.look(total, now) for now, total in enumerate(range(0, 2000, 100))]

    assert gained[-1] == 1000
    assert growth.per_second(2000, 20) == 100


@pytest.mark.parametrize(("calls", "errors", "percent"), [(0, 0, 0), (10, 0, 0), (8, 2, 25)])
def test_the_share_of_failures_is_a_percentage(calls: int, errors: int, percent: float) -> None:
    share = FailureShare(300)
    share.count(calls, errors)
    share.settle(1.0)

    assert share.percent(1.0) == percent


def test_failures_are_forgotten_after_the_span() -> None:
    share = FailureShare(300)
    share.count(10, 5)
    share.settle(0.0)
    share.count(10, 0)
    share.settle(200.0)

    assert share.percent(200.0) == 25
    assert share.percent(310.0) == 0
