from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.limits import Buckets, Rate

RATES = st.builds(
    Rate,
    st.floats(0.01, 1e5, allow_nan=False, allow_infinity=False),
    st.integers(1, 10_000),
)
STEPS = st.lists(st.tuples(st.floats(0, 5), st.integers(0, 3), st.integers(1, 12)), max_size=80)


def ask(buckets: Buckets, name: int, events: int, now: float) -> float:
    """Take the events if they are to be had; the seconds to wait."""
    after = buckets.after(name, events, now)
    wait = buckets.wait(after, events, now)
    if wait == 0:
        buckets.take(name, after, now)
    return wait


def given_in(
    rate: Rate, steps: list[tuple[float, int, int]], limit: int
) -> dict[int, list[tuple[float, int]]]:
    """What each name got, and when."""
    buckets = Buckets(rate, limit=limit)
    got: dict[int, list[tuple[float, int]]] = {}
    now = 1_000_000.0
    for pause, name, events in steps:
        now += pause
        if ask(buckets, name, events, now) == 0:
            got.setdefault(name, []).append((now, events))
        assert buckets.kept <= limit
    return got


@pytest.mark.parametrize("limit", [1, 2, 1000])
@given(rate=RATES, steps=STEPS)
def test_no_window_has_more_than_the_burst_and_the_rate(
    rate: Rate, steps: list[tuple[float, int, int]], limit: int
) -> None:
    """However few names can be kept: forgetting one forgives it nothing."""
    most = max([rate.burst, *(events for _, _, events in steps)])
    for got in given_in(rate, steps, limit).values():
        for first, (start, _) in enumerate(got):
            total = 0
            for end, events in got[first:]:
                total += events
                allowed = most + rate.per_second * (end - start)
                assert total <= allowed * (1 + 1e-6) + 1e-6 * rate.per_second


@given(rate=RATES, events=st.integers(1, 20_000), before=st.integers(0, 20_000))
def test_after_the_wait_the_events_are_to_be_had(rate: Rate, events: int, before: int) -> None:
    buckets, now = Buckets(rate), 500_000.0
    if before:
        ask(buckets, 1, before, now)
    wait = ask(buckets, 1, events, now)

    assert wait == 0 or ask(buckets, 1, events, now + wait * (1 + 1e-9) + 1e-6) == 0


def test_a_quiet_name_has_its_whole_burst() -> None:
    buckets = Buckets(Rate(1.0, 5))

    assert [ask(buckets, 1, 1, 100.0) for _ in range(5)] == [0] * 5
    assert ask(buckets, 1, 1, 100.0) == pytest.approx(1.0)
    assert ask(buckets, 1, 1, 100.5) == pytest.approx(0.5)
    assert ask(buckets, 1, 1, 101.0) == 0
    assert ask(buckets, 2, 5, 101.0) == 0


def test_more_than_the_burst_at_once_needs_a_full_bucket_and_is_owed() -> None:
    buckets = Buckets(Rate(1.0, 5))

    assert ask(buckets, 1, 20, 100.0) == 0
    assert ask(buckets, 1, 1, 100.0) == pytest.approx(16.0)
    assert ask(buckets, 1, 20, 119.0) == pytest.approx(1.0)
    assert ask(buckets, 1, 20, 120.0) == 0


def test_what_is_left_is_told() -> None:
    buckets = Buckets(Rate(2.0, 10))
    after = buckets.after(1, 4, 100.0)
    buckets.take(1, after, 100.0)

    assert buckets.standing(after, 100.0).left == pytest.approx(6)
    assert buckets.standing(buckets.after(1, 100, 100.0), 100.0).left == 0


def test_a_million_names_are_kept_in_few_places() -> None:
    buckets, now = Buckets(Rate(0.001, 10), limit=1024), 0.0
    ask(buckets, -1, 10, now)
    for name in range(100_000):
        now += 0.0001
        ask(buckets, name, 1, now)
        assert buckets.kept <= 1024

    assert ask(buckets, -1, 1, now) > 900  # the one that owes most is not forgotten
