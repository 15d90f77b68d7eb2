"""Statistics of each window: sums, extremes, spread, quantiles."""

from __future__ import annotations

import numpy as np

from event_system.promql.samples import Layout, Windows
from event_system.promql.values import Bools, Floats, Ints


def count_over_time(windows: Windows) -> tuple[Floats, Bools]:
    return windows.counts.astype(np.float64), windows.filled


def present_over_time(windows: Windows) -> tuple[Floats, Bools]:
    return np.ones(windows.low.shape), windows.filled


def last_over_time(windows: Windows) -> tuple[Floats, Bools]:
    return windows.samples.values[windows.last()], windows.filled


def first_over_time(windows: Windows) -> tuple[Floats, Bools]:
    return windows.samples.values[windows.first()], windows.filled


def sum_over_time(windows: Windows) -> tuple[Floats, Bools]:
    return windows.reduced(np.add, windows.samples.values), windows.filled


def avg_over_time(windows: Windows) -> tuple[Floats, Bools]:
    """The mean; one whose sum is too large for a float is made of parts that are not."""
    counts = np.maximum(windows.counts, 1)
    means = windows.reduced(np.add, windows.samples.values) / counts
    if np.isinf(means).any() and not np.isinf(windows.samples.values).any():
        scale = 2.0**-40
        means = windows.reduced(np.add, windows.samples.values * scale) / counts / scale
    return means, windows.filled


def min_over_time(windows: Windows) -> tuple[Floats, Bools]:
    return windows.reduced(np.fmin, windows.samples.values), windows.filled


def max_over_time(windows: Windows) -> tuple[Floats, Bools]:
    return windows.reduced(np.fmax, windows.samples.values), windows.filled


def stdvar_over_time(windows: Windows) -> tuple[Floats, Bools]:
    """The population's variance."""
    result = np.zeros(windows.low.size)
    for part in windows.layouts():
        lengths = _lengths(part)
        means = np.add.reduceat(part.values, part.starts) / lengths
        away = part.values - means[part.owner]
        result[part.windows] = np.add.reduceat(away * away, part.starts) / lengths
    return result.reshape(windows.low.shape), windows.filled


def stddev_over_time(windows: Windows) -> tuple[Floats, Bools]:
    """The population's standard deviation."""
    values, present = stdvar_over_time(windows)
    return np.sqrt(values), present


def quantile_over_time(windows: Windows, q: Floats) -> tuple[Floats, Bools]:
    """The q-quantile, between the two nearest ranks; no number counts as the least."""
    result = np.zeros(windows.low.size)
    wanted = np.broadcast_to(q, windows.low.shape).ravel()
    for part in windows.layouts():
        result[part.windows] = quantiles(part, wanted[part.windows])
    return result.reshape(windows.low.shape), windows.filled


def mad_over_time(windows: Windows) -> tuple[Floats, Bools]:
    """The median distance from the median."""
    result = np.zeros(windows.low.size)
    for part in windows.layouts():
        half = np.full(len(part.windows), 0.5)
        away = np.abs(part.values - quantiles(part, half)[part.owner])
        result[part.windows] = quantiles(part._replace(values=away), half)
    return result.reshape(windows.low.shape), windows.filled


def quantiles(part: Layout, q: Floats) -> Floats:
    """The q-quantile of each window; `q` is one for each."""
    ordered = part.values[np.lexsort((part.values, ~np.isnan(part.values), part.owner))]
    lengths = _lengths(part)
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * (lengths - 1)
    lower = np.floor(rank)
    upper = np.minimum(lengths - 1, lower + 1)
    weight = rank - lower
    low = ordered[part.starts + lower.astype(np.int64)]
    high = ordered[part.starts + upper.astype(np.int64)]
    return outside(q, low * (1 - weight) + high * weight)


def outside(q: Floats, values: Floats) -> Floats:
    """Quantiles, with the answers for a `q` that is none."""
    limits = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, values))
    return np.where(np.isnan(q), np.nan, limits)


def _lengths(part: Layout) -> Ints:
    return np.diff(np.append(part.starts, len(part.values)))
