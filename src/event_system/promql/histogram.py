"""Quantiles of classic histograms: counters with an upper bound `le` each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from event_system.promql.numbers import number_of
from event_system.promql.overtime import outside
from event_system.promql.ports import NAME
from event_system.promql.values import Bools, Floats, Vector, groups_of, nothing, rows, summed

BOUND = "le"


def histogram_quantile(q: Floats, vector: Vector, check: Callable[[], None]) -> Vector:
    """The q-quantile of each histogram, linear within a bucket; `check` may raise to end it."""
    bounds = [number_of(dict(labels).get(BOUND, "")) for labels in vector.labels]
    there: Bools = np.logical_or.reduce(vector.present, axis=1)
    usable = [place for place, bound in enumerate(bounds) if bound is not None and there[place]]
    if not usable:
        return nothing(len(q))
    vector = rows(vector, usable)
    uppers = np.array([bounds[place] for place in usable], np.float64)
    kept = [
        tuple(pair for pair in labels if pair[0] not in {BOUND, NAME}) for labels in vector.labels
    ]
    numbers, first = groups_of(kept)
    values = np.full((len(first), len(q)), np.nan)
    present = np.zeros((len(first), len(q)), np.bool_)
    for group in range(len(first)):
        check()
        chosen = np.flatnonzero(numbers == group)
        chosen = chosen[np.argsort(uppers[chosen], kind="stable")]
        part = rows(vector, chosen)
        present[group] = part.present.any(axis=0)
        values[group] = _of_one(q, uppers[chosen], part)
    return Vector([kept[place] for place in first], values, present)


def _of_one(q: Floats, uppers: Floats, part: Vector) -> Floats:
    """The quantiles of one histogram; steps at which the same buckets are there go together."""
    result = np.full(len(q), np.nan)
    if part.present.all():
        return _quantiles(q, uppers, part.values)
    patterns, which = np.unique(part.present, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        steps = np.flatnonzero(which.ravel() == number)
        if pattern.any():
            counts = part.values[np.ix_(pattern, steps)]
            result[steps] = _quantiles(q[steps], uppers[pattern], counts)
    return result


def _quantiles(q: Floats, uppers: Floats, counts: Floats) -> Floats:
    """Of buckets in the order of their bounds; `counts` are (buckets, steps)."""
    numbers, first = groups_of(uppers.tolist())
    counts, uppers = summed(counts, numbers, len(first)), uppers[first]
    if len(uppers) < 2 or not np.isposinf(uppers[-1]):
        return outside(q, np.full(len(q), np.nan))
    counts = np.where(np.isnan(counts), np.nan, np.fmax.accumulate(counts, axis=0))
    observations = counts[-1]
    rank = np.where((q >= 0) & (q <= 1), q, 0.0) * observations
    reached = counts[:-1] >= rank
    bucket = np.where(reached.any(axis=0), reached.argmax(axis=0), len(uppers) - 1)
    inner = np.minimum(bucket, len(uppers) - 2)
    steps = np.arange(len(q))
    before = np.maximum(inner - 1, 0)
    start = np.where(inner > 0, uppers[before], 0.0)
    below = np.where(inner > 0, counts[before, steps], 0.0)
    share = (rank - below) / (counts[inner, steps] - below)
    found = start + (uppers[inner] - start) * share
    found = np.where((inner == 0) & (uppers[0] <= 0), uppers[0], found)
    found = np.where(bucket == len(uppers) - 1, uppers[-2], found)
    return outside(q, np.where(observations == 0, np.nan, found))
