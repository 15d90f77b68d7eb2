"""How long messages wait, from two numbers at each look."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.collectors.flow import Flow, Level


def waits(*looks: tuple[float, float, float]) -> list[float | None]:
    """What each look (depth, taken, at) says of one queue."""
    flow = Flow()
    return [flow.look({"q": Level(depth, taken)}, at).get("q") for depth, taken, at in looks]


def test_an_empty_queue_keeps_nobody_waiting() -> None:
    assert waits((0, 0, 1.0), (0, 0, 2.0)) == [0.0, 0.0]


def test_the_first_look_at_a_full_queue_says_nothing_yet() -> None:
    assert waits((10, 500, 1.0)) == [None]


def test_a_wait_is_the_depth_over_the_rate() -> None:
    assert waits((10, 0, 0.0), (30, 100, 10.0))[1] == pytest.approx(3.0)


def test_while_nothing_is_taken_the_wait_grows_with_the_time() -> None:
    assert waits((5, 7, 0.0), (5, 7, 10.0), (6, 7, 25.0))[1:] == [10.0, 25.0]


def test_time_without_messages_is_no_wait() -> None:
    assert waits((0, 7, 0.0), (0, 7, 100.0), (1, 7, 110.0))[2] == 10.0


def test_a_broker_that_starts_anew_begins_anew() -> None:
    assert waits((5, 100, 0.0), (5, 3, 10.0), (5, 8, 20.0)) == [None, None, 10.0]


def test_a_queue_that_is_gone_is_forgotten() -> None:
    flow = Flow()
    flow.look({"q": Level(1, 1)}, 0.0)
    flow.look({}, 1.0)

    assert flow.look({"q": Level(1, 1)}, 2.0) == {}


@settings(deadline=None)
@given(rate=st.floats(0.1, 1e6), wait=st.floats(0.001, 1e5), seconds=st.floats(0.1, 3600))
def test_a_queue_in_balance_is_estimated_exactly(rate: float, wait: float, seconds: float) -> None:
    found = waits((rate * wait, 0, 0.0), (rate * wait, rate * seconds, seconds))[1]

    assert found == pytest.approx(wait, rel=1e-6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e3)), max_size=20))
def test_no_wait_is_negative_or_longer_than_can_be_known(
    looks: list[tuple[float, float, float]],
) -> None:
    at, moments = 0.0, []
    for depth, taken, step in looks:
        at += step
        moments.append((depth, taken, at))

    assert all(wait is None or wait >= 0 for wait in waits(*moments))
