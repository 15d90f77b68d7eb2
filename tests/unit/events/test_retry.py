"""The pauses between attempts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.retry import Retry, longest_delay, next_delay

policies = st.builds(
    Retry,
    attempts=st.integers(1, 10_000),
    base=st.just(0.0) | st.floats(1e-6, 86_400),
    factor=st.floats(1, 1000),
    cap=st.floats(0, 86_400),
)
attempts = st.integers(1, 10_000)
dice = st.floats(0, 1)


@given(policies, attempts, dice)
def test_a_pause_is_never_negative_nor_over_the_cap(policy: Retry, attempt: int, u: float) -> None:
    assert 0 <= next_delay(policy, attempt, u) <= policy.cap


@given(policies, attempts)
def test_the_longest_pause_never_shrinks_from_one_attempt_to_the_next(
    policy: Retry, attempt: int
) -> None:
    earlier, later = longest_delay(policy, attempt), longest_delay(policy, attempt + 1)
    assert later >= earlier or math.isclose(later, earlier)


@given(policies, st.integers(1, 20))
def test_it_is_the_plain_formula_where_that_can_be_computed(policy: Retry, attempt: int) -> None:
    plain = min(policy.cap, policy.base * policy.factor ** (attempt - 1))
    assert math.isclose(longest_delay(policy, attempt), plain, rel_tol=1e-9, abs_tol=1e-300)


@given(policies, attempts, dice, dice)
def test_a_pause_grows_with_the_die(policy: Retry, attempt: int, u: float, v: float) -> None:
    lower, higher = sorted((u, v))
    assert next_delay(policy, attempt, lower) <= next_delay(policy, attempt, higher)


def test_the_ten_thousandth_attempt_overflows_nothing() -> None:
    policy = Retry(attempts=10_000, base=1e-6, factor=1000.0, cap=60.0)
    assert longest_delay(policy, 10_000) == 60.0


def test_the_defaults_reach_the_hour() -> None:
    assert [longest_delay(Retry(), n) for n in range(1, 9)] == [1, 4, 16, 64, 256, 1024, 3600, 3600]


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"attempts": 10_001},
        {"base": -1.0},
        {"base": 1e-300},
        {"base": math.nan},
        {"factor": 0.5},
        {"factor": math.inf},
        {"cap": 1e12},
    ],
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retry(**wrong)  # type: ignore[arg-type]
