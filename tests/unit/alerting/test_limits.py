from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.limits import Gate, RateLimit


@given(
    most=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 30, allow_nan=False), max_size=60),
)
def test_never_more_than_the_limit_within_any_span(most: int, pauses: list[float]) -> None:
    gate, now, asked = Gate(RateLimit(most, 60.0)), 0.0, list[float]()
    for pause in pauses:
        now += pause
        now += gate.wait_seconds(now)
        gate.asked(now)
        asked.append(now)

    for place in range(len(asked) - most):
        assert asked[place + most] - asked[place] >= 60.0 - 1e-6


def test_what_asks_to_be_left_alone_is() -> None:
    gate = Gate(None)
    gate.asked(0.0)
    assert gate.wait_seconds(0.0) == 0.0
    gate.close(1.0, 30.0)
    gate.close(2.0, 5.0)

    assert gate.wait_seconds(11.0) == 20.0
    assert gate.wait_seconds(31.0) == 0.0


def test_a_window_slides() -> None:
    gate = Gate(RateLimit(2, 60.0))
    gate.asked(0.0)
    gate.asked(50.0)

    assert gate.wait_seconds(50.0) == 10.0
    assert gate.wait_seconds(60.0) == 0.0
