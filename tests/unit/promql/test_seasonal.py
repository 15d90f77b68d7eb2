"""What a series usually is at an hour of the week, how far from it it is, what comes next."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import (
    PromqlError,
    PromqlSyntaxError,
    PromqlTimeoutError,
    TooManySamplesError,
)
from event_system.promql.engine import Answer, Limits, Question, at, evaluate
from event_system.promql.evaluator import Rules
from event_system.promql.parsing import pretty
from tests.support.memory_samples import MemorySamples, labels_of

HOUR_MS = 3_600_000
WEEK = 168
"""Hours."""
MONDAY = 1_767_571_200_000
"""Milliseconds of a Monday, 2026-01-05, at 0:00 UTC."""
X = labels_of({"__name__": "x", "a": "1"})
numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
positive = st.floats(1e-3, 1e6)


def hourly(values: list[float]) -> MemorySamples:
    """The series `x`, a value at each hour from the Monday on."""
    samples = MemorySamples()
    samples.put(X, [MONDAY + hour * HOUR_MS for hour in range(len(values))], values)
    return samples


def ask(samples: MemorySamples, query: str, hour: float, rules: Rules | None = None) -> Answer:
    moment = MONDAY + round(hour * HOUR_MS)
    return evaluate(samples, Limits(rules=rules or Rules()), at(query, moment), lambda: None)


def one(samples: MemorySamples, query: str, hour: float) -> float:
    (series,) = ask(samples, query, hour).series
    return float(series.values[0])


def week(seed: int) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).uniform(10, 100, WEEK)]


@given(st.integers(0, 2**32), st.integers(4 * WEEK, 5 * WEEK - 1), st.floats(0, 0.99))
def test_a_periodic_series_is_its_own_baseline_and_forecast(
    seed: int, hour: int, part: float
) -> None:
    once = week(seed)
    samples = hourly(once * 5)
    usual = once[hour % WEEK]

    assert one(samples, "seasonal_baseline(x[4w])", hour + part) == usual
    assert one(samples, "seasonal_spread(x[4w])", hour + part) == 0
    assert one(samples, "seasonal_score(x[4w])", hour + part) == 0
    later = once[(hour + 30) % WEEK]
    forecast = one(samples, f"seasonal_forecast(x[4w], {30 * 3600})", hour + part)
    assert forecast == pytest.approx(later)


@given(st.integers(0, 2**32), st.floats(-5, 5), st.integers(0, 2 * WEEK))
def test_a_trend_goes_on_in_the_forecast_and_no_season_looks_like_one(
    seed: int, hourly_rise: float, ahead: int
) -> None:
    once = week(seed)
    samples = hourly([once[hour % WEEK] + hourly_rise * hour for hour in range(4 * WEEK)])
    now = 4 * WEEK - 1

    forecast = one(samples, f"seasonal_forecast(x[4w], {ahead * 3600})", now)

    wanted = once[(now + ahead) % WEEK] + hourly_rise * (now + ahead)
    assert forecast == pytest.approx(wanted, abs=1e-6)


@given(st.lists(numbers, min_size=4, max_size=4), numbers)
def test_the_baseline_is_the_median_of_earlier_weeks_and_the_spread_their_distance(
    earlier: list[float], now: float
) -> None:
    samples = MemorySamples()
    times = [MONDAY + place * WEEK * HOUR_MS for place in range(5)]
    samples.put(X, times, [*earlier, now])
    median = float(np.median(earlier))
    spread = 1.4826 * float(np.median(np.abs(np.array(earlier) - median)))

    assert one(samples, "seasonal_baseline(x[4w])", 4 * WEEK) == pytest.approx(median)
    assert one(samples, "seasonal_spread(x[4w])", 4 * WEEK) == pytest.approx(spread)
    if spread > 1e-3:
        score = one(samples, "seasonal_score(x[4w])", 4 * WEEK)
        assert score == pytest.approx((now - median) / spread, abs=1e-9)


@given(st.lists(numbers, min_size=3, max_size=3))
def test_the_median_has_score_zero(earlier: list[float]) -> None:
    samples = MemorySamples()
    times = [MONDAY + place * WEEK * HOUR_MS for place in range(4)]
    samples.put(X, times, [*earlier, sorted(earlier)[1]])

    assert one(samples, "seasonal_score(x[3w])", 3 * WEEK) == 0


def test_a_value_that_history_has_never_left_is_infinitely_far_from_another() -> None:
    samples = hourly([7.0] * (4 * WEEK) + [8.0])

    assert one(samples, "seasonal_score(x[4w])", 4 * WEEK) == math.inf


def test_what_is_now_and_what_is_no_number_do_not_count() -> None:
    samples = MemorySamples()
    times = [MONDAY + place * WEEK * HOUR_MS for place in range(4)]
    samples.put(X, [*times, times[-1] + 60_000], [3.0, math.nan, 5.0, 900.0, 901.0])

    assert one(samples, "seasonal_baseline(x[4w])", 3 * WEEK + 0.5) == 4.0


def test_one_earlier_week_has_no_spread_and_none_has_no_baseline() -> None:
    samples = hourly(week(1) * 2)

    assert ask(samples, "seasonal_baseline(x[4w])", WEEK - 1).series == []
    assert ask(samples, "seasonal_forecast(x[4w], 0)", WEEK - 1).series == []
    assert len(ask(samples, "seasonal_baseline(x[4w])", WEEK).series) == 1
    assert ask(samples, "seasonal_spread(x[4w])", WEEK).series == []
    assert ask(samples, "seasonal_score(x[4w])", WEEK).series == []


def test_a_series_that_has_ended_has_a_baseline_but_no_score() -> None:
    samples = hourly(week(1) * 4)

    assert len(ask(samples, "seasonal_baseline(x[4w])", 4 * WEEK + 5).series) == 1
    assert ask(samples, "seasonal_score(x[4w])", 4 * WEEK + 5).series == []


def test_a_season_and_its_slots_may_be_others() -> None:
    day = [float(hour) for hour in range(24)]
    samples = hourly(day * 8)

    assert one(samples, "seasonal_baseline(x[7d], 86400)", 7 * 24 + 5) == 5.0
    assert one(samples, "seasonal_baseline(x[7d], 86400, 7200)", 7 * 24 + 4) == 4.5
    assert one(samples, "seasonal_forecast(x[7d], 7200, 86400)", 7 * 24 + 5) == 7.0


def test_an_offset_moves_the_baseline_and_leaves_the_aim_of_a_forecast() -> None:
    once = week(3)
    samples = hourly(once * 6)

    assert one(samples, "seasonal_baseline(x[4w] offset 3h)", 5 * WEEK) == once[WEEK - 3]
    forecast = one(samples, "seasonal_forecast(x[4w] offset 3h, 0)", 5 * WEEK)
    assert forecast == pytest.approx(once[0])


def test_a_span_answers_what_each_of_its_steps_does() -> None:
    generator = np.random.default_rng(5)
    samples = MemorySamples()
    for name in ("1", "2", "3"):  # uneven times, so that no search is shared
        times = MONDAY + np.cumsum(generator.integers(600_000, 3_000_000, 1500))
        values = [float(value) for value in generator.normal(size=1500)]
        samples.put(labels_of({"__name__": "x", "a": name}), times.tolist(), values)
    start, end, step = (MONDAY + hour * HOUR_MS for hour in (300, 700, 7))
    step -= MONDAY
    for call in (
        *("seasonal_baseline(x[2w])", "seasonal_spread(x[2w])", "seasonal_score(x[2w])"),
        *("seasonal_forecast(x[2w], 9000)", "seasonal_baseline(x[2w:30m] offset 1h)"),
    ):
        span = evaluate(samples, Limits(), Question(call, start, end, step), lambda: None)
        found = {
            (series.labels, int(moment)): value
            for series in span.series
            for moment, value in zip(series.times, series.values, strict=True)
        }
        alone = {
            (series.labels, moment): series.values[0]
            for moment in range(start, end + 1, step)
            for series in ask(samples, call, (moment - MONDAY) / HOUR_MS).series
        }
        assert found == pytest.approx(alone), call
        assert found, call


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("seasonal_baseline(x[6d])", "shorter than a season"),
        ("seasonal_baseline(x[4w], 0)", "above 0"),
        ("seasonal_score(x[4w], NaN)", "above 0"),
        ("seasonal_spread(x[4w], 604800, 1e300)", "above 0"),
        ("seasonal_baseline(x[4w], 604800, 5000)", "no multiple"),
        ("seasonal_baseline(x[4w], 60, 60)", "seasons; 1000 are allowed"),
        ("seasonal_forecast(x[4w], 60, 4000, 0.5)", "pairs of slots"),
    ],
)
def test_seasons_that_cannot_be_are_refused_with_the_reason(query: str, told: str) -> None:
    with pytest.raises(PromqlError, match=told):
        ask(hourly(week(1) * 5), query, 5 * WEEK)


def test_no_season_that_changes_from_step_to_step() -> None:
    question = Question("seasonal_baseline(x[4w], time())", MONDAY, MONDAY + 5000, 1000)
    with pytest.raises(PromqlError, match="constant"):
        evaluate(hourly(week(1) * 5), Limits(), question, lambda: None)


@pytest.mark.parametrize(
    "query",
    [
        "seasonal_baseline(x)",
        "seasonal_baseline(x[4w], 1, 2, 3)",
        "seasonal_forecast(x[4w])",
        "seasonal_forecast(1, x[4w])",
    ],
)
def test_wrong_arguments_are_refused_by_the_parser(query: str) -> None:
    with pytest.raises(PromqlSyntaxError):
        ask(hourly([1.0]), query, 0)


@pytest.mark.parametrize("ahead", ["NaN", "Inf", "-Inf", "1e300"])
def test_no_forecast_for_a_time_that_is_none(ahead: str) -> None:
    assert ask(hourly(week(1) * 5), f"seasonal_forecast(x[4w], {ahead})", 5 * WEEK).series == []


def test_no_series_has_no_baseline() -> None:
    for call in ("baseline(x[4w])", "score(x[4w])", "forecast(x[4w], 5)"):
        assert ask(MemorySamples(), f"seasonal_{call}", 5 * WEEK).series == []
        nan = hourly([math.nan] * 5 * WEEK)
        assert ask(nan, f"seasonal_{call}", 5 * WEEK - 1).series == []


def test_the_limit_of_samples_holds() -> None:
    with pytest.raises(TooManySamplesError, match=r"promql\.max_samples"):
        ask(hourly(week(1) * 5), "seasonal_baseline(x[4w])", 5 * WEEK, Rules(max_samples=600))


@pytest.mark.parametrize("call", ["seasonal_baseline(x[4w])", "seasonal_forecast(x[4w], 0)"])
def test_a_query_whose_time_is_over_ends(call: str) -> None:
    seen = 0

    def check() -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            raise PromqlTimeoutError("over")

    with pytest.raises(PromqlTimeoutError):
        evaluate(hourly(week(1) * 5), Limits(), at(call, MONDAY + 5 * WEEK * HOUR_MS), check)


def test_the_standard_form_of_a_query_keeps_the_functions() -> None:
    query = "seasonal_score(sum by (job) (x)[4w:5m], 86400) > 3 and gini(votes, 'proposal') > 0.9"
    text = pretty(query)

    assert "seasonal_score(" in text
    assert "gini(" in text
    assert pretty(text) == text


@given(st.integers(0, 2**32), st.integers(2, 90), st.integers(1, 400))
def test_a_window_that_has_parts_of_slots_counts_its_own_samples_alone(
    seed: int, step_seconds: int, count: int
) -> None:
    """A forecast is the same where the samples outside its window are not there at all."""
    chance = np.random.default_rng(seed)
    seconds = np.sort(chance.choice(7200, count, replace=False))
    times, values = MONDAY + seconds * 1000 + 1, chance.normal(100, 50, count)
    query = "seasonal_forecast(x[55m], 130, 600, 60)"
    steps = MONDAY + 3_000_000 + np.arange(40) * step_seconds * 1000

    def forecasts(first: int, last: int, chosen: slice) -> dict[int, float]:
        samples = MemorySamples()
        samples.put(X, times[chosen].tolist(), values[chosen].tolist())
        question = Question(query, first, last, step_seconds * 1000)
        found = evaluate(samples, Limits(), question, lambda: None).series
        return {
            int(at): float(value)
            for each in found
            for at, value in zip(each.times, each.values, strict=True)
        }

    alone: dict[int, float] = {}
    for step in steps.tolist():
        low, high = np.searchsorted(times, [step - 3_300_000, step])
        alone |= forecasts(step, step, slice(low, high))
    assert forecasts(int(steps[0]), int(steps[-1]), slice(None)) == alone
