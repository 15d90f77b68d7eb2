"""How unevenly a group's values are spread: Gini's coefficient, the part of the largest.

Prometheus does not have these. Both need numbers from 0 on with a sum above 0; else the answer is
NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from event_system.promql.values import Bools, Floats, Ints, Vector


def gini(vector: Vector, numbers: Ints, check: Callable[[], None]) -> Floats:
    """0 where all are equal, near 1 where one of many has everything: (groups, steps).

    The mean difference of all pairs over twice the mean, from the ranks of sorted values.
    """
    return _of_each_group(vector, numbers, check, _gini)


def top_share(vector: Vector, numbers: Ints, k: Floats, check: Callable[[], None]) -> Floats:
    """The part that the `k` largest have in the sum: (groups, steps)."""
    return _of_each_group(
        vector, numbers, check, lambda values, counts: _top_share(values, counts, k)
    )


def _of_each_group(
    vector: Vector,
    numbers: Ints,
    check: Callable[[], None],
    how: Callable[[Floats, Ints], Floats],
) -> Floats:
    result = np.empty((int(numbers.max()) + 1, vector.values.shape[1]))
    for group in range(len(result)):
        check()
        chosen = numbers == group
        result[group] = _of_one(vector.values[chosen], vector.present[chosen], how)
    return result


def _of_one(values: Floats, present: Bools, how: Callable[[Floats, Ints], Floats]) -> Floats:
    """`how` gets falling values, as parts of the largest, with zeros for what is absent."""
    there = np.where(present, values, 0.0)
    largest = there.max(axis=0)
    fit = (np.isfinite(there) & (there >= 0)).all(axis=0) & (largest > 0)
    parts = np.where(fit, there, 1.0) / np.where(fit, largest, 1.0)
    falling = -np.sort(-parts, axis=0)
    return np.where(fit, how(falling, present.sum(axis=0)), np.nan)


def _gini(falling: Floats, counts: Ints) -> Floats:
    rank = np.arange(len(falling))[:, None]
    weights = counts - 1 - 2 * rank
    away = (weights * falling).sum(axis=0)
    found: Floats = away / (np.maximum(counts, 1) * falling.sum(axis=0))
    return np.maximum(found, 0.0)


def _top_share(falling: Floats, counts: Ints, k: Floats) -> Floats:
    running = np.cumsum(falling, axis=0)
    most = np.clip(np.where(np.isnan(k), 0, k), 0, counts).astype(np.int64)
    upto = np.take_along_axis(running, np.maximum(most - 1, 0)[None, :], 0)[0]
    share = np.where(most > 0, upto / running[-1], 0.0)
    return np.where(np.isnan(k), np.nan, share)
