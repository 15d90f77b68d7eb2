"""Lines through a window's samples, and smoothing: deriv, predict_linear, holt_winters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from event_system.kernel.errors import PromqlError
from event_system.promql.samples import Layout, Windows
from event_system.promql.values import Bools, Floats, Ints


def deriv(windows: Windows) -> tuple[Floats, Bools]:
    """The slope of the line of least squares, a second."""
    result = np.zeros(windows.low.size)
    for part in windows.layouts(2):
        result[part.windows] = _line(part, part.times[part.starts])[0]
    return result.reshape(windows.low.shape), windows.counts >= 2


def predict_linear(windows: Windows, seconds: Floats) -> tuple[Floats, Bools]:
    """The value of that line `seconds` after the moment of evaluation."""
    result = np.zeros(windows.low.size)
    shape = windows.low.shape
    now = np.broadcast_to(windows.steps, shape).ravel()
    ahead = np.broadcast_to(seconds, shape).ravel()
    for part in windows.layouts(2):
        slope, intercept = _line(part, now[part.windows])
        result[part.windows] = slope * ahead[part.windows] + intercept
    return result.reshape(shape), windows.counts >= 2


def _line(part: Layout, origin: Ints) -> tuple[Floats, Floats]:
    """Slope a second and value at `origin` (ms) of the least squares' line of each window.

    The sums are taken around the mean time, where they cancel least. A constant has slope 0.
    """
    n = np.diff(np.append(part.starts, len(part.values)))
    x = (part.times - origin[part.owner]) / 1000
    mean_x = np.add.reduceat(x, part.starts) / n
    mean_y = np.add.reduceat(part.values, part.starts) / n
    away = x - mean_x[part.owner]
    covariance = np.add.reduceat(away * (part.values - mean_y[part.owner]), part.starts)
    variance = np.add.reduceat(away * away, part.starts)
    slope = covariance / variance
    first = part.values[part.starts]
    constant = np.logical_and.reduceat(part.values == first[part.owner], part.starts)
    level = np.where(np.isinf(first), np.nan, first)
    flat = np.where(np.isinf(first), np.nan, 0.0)
    return np.where(constant, flat, slope), np.where(constant, level, mean_y - slope * mean_x)


def double_exponential_smoothing(
    windows: Windows, smoothing: Floats, trend: Floats
) -> tuple[Floats, Bools]:
    """The smoothed last value, after Holt and Winters without seasons."""
    for name, factor in (("smoothing", smoothing), ("trend", trend)):
        if not ((factor > 0) & (factor < 1)).all():
            wrong = factor[~((factor > 0) & (factor < 1))][0]
            raise PromqlError(f"invalid {name} factor. Expected: 0 < f < 1, got: {wrong:f}")
    shape = windows.low.shape
    low, counts = windows.low.ravel(), windows.counts.ravel()
    sf = np.broadcast_to(smoothing, shape).ravel()
    tf = np.broadcast_to(trend, shape).ravel()
    result = np.zeros(low.size)
    chosen = np.flatnonzero(counts >= 2)
    if len(chosen):
        values = windows.samples.values
        result[chosen] = _smoothed(
            values, low[chosen], counts[chosen], sf[chosen], tf[chosen], windows.check
        )
    return result.reshape(shape), windows.counts >= 2


def _smoothed(
    values: Floats,
    low: Ints,
    counts: Ints,
    sf: Floats,
    tf: Floats,
    check: Callable[[], None],
) -> Floats:
    """All windows a sample further at a time, until the longest is through."""
    before = np.zeros(len(low))
    level = values[low]
    slope = values[low + 1] - level
    for place in range(1, int(counts.max())):
        check()
        on = np.flatnonzero(counts > place)
        s, t = sf[on], tf[on]
        if place > 1:
            slope[on] = t * (level[on] - before[on]) + (1 - t) * slope[on]
        renewed = s * values[low[on] + place] + (1 - s) * (level[on] + slope[on])
        before[on], level[on] = level[on], renewed
    return level
