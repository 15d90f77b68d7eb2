"""How far forecasts are off: `seasonal_forecast` and `predict_linear`, back-tested on made-up series.

A series has a value an hour: a level of 1,000 with a daily wave of a third, weekends at 60 %, 3 %
more each week, and noise whose standard deviation is a share of the value. At 100 moments, 5 hours
apart, `seasonal_forecast(x[4w], …)` and `predict_linear` over 6 hours and over 4 weeks see what
came before; their answers are compared with what comes then. The error is the mean of
|forecast − value| / value, and of the two lines the better one counts. The figures depend on the
numbers alone, not on the machine.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.report import ROUNDS, Run
from event_system.promql.engine import Limits, Question, evaluate
from event_system.promql.values import Floats
from event_system.rules.memory import SeriesInMemory
from event_system.rules.ports import Sample

HOUR_MS: Final = 3_600_000
WEEK: Final = 168
"""Hours."""
SEEN: Final = 4 * WEEK
"""The hour of the first forecast."""
MOMENTS: Final = 100
APART: Final = 5
SERIES: Final = {
    "2 % noise": (0.02, 0.0),
    "10 % noise": (0.10, 0.0),
    "2 % noise, one hour in 50 fivefold": (0.02, 0.02),
}
"""The noise, and the share of hours that are outliers; these are forecast from, not forecast."""
AHEAD: Final = {"an hour": 1, "a day": 24, "a week": WEEK}


def run(run: Run) -> None:
    for series, (noise, outliers) in SERIES.items():
        for ahead, hours in AHEAD.items():
            pairs = [_errors(seed, noise, outliers, hours) for seed in range(ROUNDS)]
            what = f"error, {series}, {ahead} ahead: seasonal / linear"
            run.ratio(what, pairs, "%")


def _errors(seed: int, noise: float, outliers: float, hours: int) -> tuple[float, float]:
    """Per cent that the seasonal forecast is off, and that the better line is."""
    chance = np.random.default_rng(seed)
    truth = _truth(SEEN + MOMENTS * APART + WEEK, noise, chance)
    seen = np.where(chance.random(len(truth)) < outliers, truth * 5, truth)
    world = SeriesInMemory()
    labels = (("__name__", "x"),)
    world.append([Sample(labels, hour * HOUR_MS, float(v)) for hour, v in enumerate(seen)])
    seconds = hours * 3600
    wanted = truth[SEEN + hours :: APART][:MOMENTS]
    seasonal, short, long = (
        float(np.mean(np.abs(_answers(world, query) - wanted) / wanted)) * 100
        for query in (
            f"seasonal_forecast(x[4w], {seconds})",
            f"predict_linear(x[6h], {seconds})",
            f"predict_linear(x[4w], {seconds})",
        )
    )
    return seasonal, min(short, long)


def _truth(hours: int, noise: float, chance: np.random.Generator) -> Floats:
    hour = np.arange(hours)
    wave = 1 + np.sin(hour * (2 * np.pi / 24)) / 3
    weekend = np.where(hour // 24 % 7 >= 5, 0.6, 1.0)
    trend = 1 + 0.03 * hour / WEEK
    return np.asarray(1000 * wave * weekend * trend * (1 + noise * chance.standard_normal(hours)))


def _answers(world: SeriesInMemory, query: str) -> Floats:
    first = SEEN * HOUR_MS
    last = first + (MOMENTS - 1) * APART * HOUR_MS
    question = Question(query, first, last, APART * HOUR_MS)
    (series,) = evaluate(world, Limits(), question, lambda: None).series
    return series.values
