"""Summaries: quantiles of what was observed in the last minutes."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import MetricError
from event_system.metrics.manager import MetricsManager
from event_system.metrics.quantiles import PERIODS, SummaryChild

WINDOW = 100.0


class SteppedClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def now_us(self) -> int:
        return 0


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def child(clock: SteppedClock) -> SummaryChild:
    return SummaryChild(WINDOW, clock.monotonic)


def test_quantiles_are_those_of_the_values(child: SummaryChild) -> None:
    for value in range(1, 10_001):
        child.observe(value)

    median, high = child.quantiles((0.5, 0.99))

    assert median == pytest.approx(5000, rel=0.01)
    assert high == pytest.approx(9900, rel=0.001)
    assert (child.count, child.sum) == (10_000, 50_005_000)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.floats(0, 1))
def test_a_quantile_stands_near_its_rank(values: list[float], part: float) -> None:
    child = SummaryChild(WINDOW, SteppedClock().monotonic)
    for value in values:
        child.observe(value)

    (found,) = child.quantiles((part,))

    ordered, slack = sorted(values), 1 + 0.05 * len(values)
    rounding = 1e-9 * max(1.0, *map(abs, values))
    assert ordered[0] - rounding <= found <= ordered[-1] + rounding
    assert bisect_left(ordered, found - rounding) - slack <= part * len(values)
    assert part * len(values) <= bisect_right(ordered, found + rounding) + slack


def test_what_has_left_the_window_counts_no_more(child: SummaryChild, clock: SteppedClock) -> None:
    child.observe(1000)
    clock.now += WINDOW / 2
    child.observe(1)
    assert child.quantiles((1.0,)) == [1000]

    clock.now += WINDOW / 2

    assert child.quantiles((0.0, 1.0)) == [1, 1]
    assert child.count == 2


@pytest.mark.parametrize("later", [WINDOW, 10 * WINDOW, 1e9])
def test_an_empty_window_has_no_quantiles(
    child: SummaryChild, clock: SteppedClock, later: float
) -> None:
    child.observe(5)
    clock.now += later

    assert all(math.isnan(value) for value in child.quantiles((0.5, 0.9)))

    child.observe(7)
    assert child.quantiles((0.5,)) == [7]


@given(st.lists(st.floats(0, 3 * WINDOW), min_size=1, max_size=30))
def test_the_window_holds_the_last_four_fifths_and_no_more_than_all(pauses: list[float]) -> None:
    clock = SteppedClock()
    child = SummaryChild(WINDOW, clock.monotonic)
    times = []
    for pause in pauses:
        clock.now += pause
        times.append(clock.now)
        child.observe(clock.now)

    (oldest,) = child.quantiles((0.0,))

    surely = WINDOW * (PERIODS - 1) / PERIODS
    assert oldest <= min(at for at in times if at > clock.now - surely)
    assert oldest >= clock.now - WINDOW - 1e-6


def test_a_summary_is_registered_and_observed_by_name(clock: SteppedClock) -> None:
    manager = MetricsManager(clock=clock)
    manager.register_summary("load_seconds", "Load.", "place", quantiles=(0.5, 1))

    for value in (1, 2, 3):
        manager.observe_summary("load_seconds", value, "eu")

    found = {(name, *labels): value for (name, labels), value in manager.samples()}
    eu = ("place", "eu")
    assert found["load_seconds", eu, ("quantile", "0.5")] == 2
    assert found["load_seconds", eu, ("quantile", "1.0")] == 3
    assert (found["load_seconds_count", eu], found["load_seconds_sum", eu]) == (3, 6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_has_no_place_in_an_order_is_refused(value: float) -> None:
    manager = MetricsManager()
    handle = manager.register_summary("load_seconds", "Load.").child()

    with pytest.raises(MetricError, match="cannot take"):
        manager.observe_summary("load_seconds", value)
    with pytest.raises(ValueError, match="finite"):
        handle.observe(value)
    assert handle.count == 0


@pytest.mark.parametrize(
    "quantiles", [(), (1.1,), (-0.1, 0.5), (0.5, 0.5), (0.9, 0.5), (math.nan,)]
)
def test_quantiles_have_to_rise_from_0_to_1(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(MetricError, match="quantiles of fine have to rise"):
        MetricsManager().register_summary("fine", "Help.", quantiles=quantiles)


def test_a_summary_cannot_have_the_label_of_its_quantiles() -> None:
    with pytest.raises(MetricError, match="'quantile' cannot be a label"):
        MetricsManager().register_summary("fine", "Help.", "quantile")


@pytest.mark.parametrize("window", [0, -1, math.nan, math.inf])
def test_a_window_has_a_length(window: float) -> None:
    with pytest.raises(MetricError, match="window"):
        MetricsManager().register_summary("fine", "Help.", window_seconds=window)
