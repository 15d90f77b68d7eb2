"""Aggregations: the rows of a group made one, or the best of them chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from event_system.kernel.errors import PromqlError, TooManySamplesError
from event_system.promql.best import best
from event_system.promql.concentration import gini, top_share
from event_system.promql.numbers import plain
from event_system.promql.overtime import outside
from event_system.promql.ports import LABEL_NAME, NAME, Labels
from event_system.promql.syntax import Aggregation
from event_system.promql.values import (
    Bools,
    Floats,
    Ints,
    Vector,
    any_of,
    filled,
    grouped,
    groups_of,
    summed,
    with_label,
)


def aggregate(
    node: Aggregation,
    vector: Vector,
    parameter: Floats | str | None,
    most_values: int,
    check: Callable[[], None],
) -> Vector:
    """The aggregation, of at most `most_values` where it makes more than it gets. `parameter` is that of topk, bottomk, quantile, count_values, top_share.

    `check` is called now and then, and may raise to end it.
    """
    vector = filled(vector)
    if not vector.labels:
        return vector
    keys = _group_labels(node, vector.labels)
    numbers, first = groups_of(keys)
    if isinstance(parameter, str):
        kept = [keys[place] for place in numbers]
        return _count_values(parameter, vector, kept, most_values, check)
    if node.operator in {"topk", "bottomk"}:
        assert parameter is not None
        return best(vector, numbers, parameter, largest=node.operator == "topk")
    present = any_of(vector.present, numbers, len(first))
    if node.operator == "quantile":
        assert parameter is not None
        values = _quantile(vector, numbers, parameter, check)
    elif node.operator == "top_share":
        assert parameter is not None
        values = top_share(vector, numbers, parameter, check)
    elif node.operator == "gini":
        values = gini(vector, numbers, check)
    else:
        values = _REDUCTIONS[node.operator](vector, numbers, len(first))
    return Vector([keys[place] for place in first], values, present)


def _group_labels(node: Aggregation, labels: list[Labels]) -> list[Labels]:
    names = node.labels
    if not node.without:
        if not names:
            return [()] * len(labels)
        return [tuple([pair for pair in entry if pair[0] in names]) for entry in labels]
    left_out = names | {NAME}
    return [tuple([pair for pair in entry if pair[0] not in left_out]) for entry in labels]


def _sum(vector: Vector, numbers: Ints, groups: int) -> Floats:
    cells = vector.values if vector.present.all() else np.where(vector.present, vector.values, 0.0)
    total: Floats = summed(cells, numbers, groups)
    return total


def _count(vector: Vector, numbers: Ints, groups: int) -> Floats:
    counts: Floats = summed(vector.present.astype(np.float64), numbers, groups)
    return counts


def _avg(vector: Vector, numbers: Ints, groups: int) -> Floats:
    counts = np.maximum(_count(vector, numbers, groups), 1)
    means = _sum(vector, numbers, groups) / counts
    if np.isinf(means).any() and not np.isinf(vector.values[vector.present]).any():
        scale = 2.0**-40
        means = (
            _sum(replace(vector, values=vector.values * scale), numbers, groups) / counts / scale
        )
    return means


def _extreme(how: np.ufunc) -> Callable[[Vector, Ints, int], Floats]:
    def reduce(vector: Vector, numbers: Ints, groups: int) -> Floats:
        cells = np.where(vector.present, vector.values, np.nan)
        extremes: Floats = grouped(how, cells, numbers, groups)
        return extremes

    return reduce


def _group(vector: Vector, numbers: Ints, groups: int) -> Floats:
    return np.minimum(_count(vector, numbers, groups), 1)


def _stdvar(vector: Vector, numbers: Ints, groups: int) -> Floats:
    counts = np.maximum(_count(vector, numbers, groups), 1)
    means = _sum(vector, numbers, groups) / counts
    away = vector.values - means[numbers]
    return _sum(replace(vector, values=away * away), numbers, groups) / counts


def _stddev(vector: Vector, numbers: Ints, groups: int) -> Floats:
    return np.sqrt(_stdvar(vector, numbers, groups))


_REDUCTIONS: Final[dict[str, Callable[[Vector, Ints, int], Floats]]] = {
    "sum": _sum,
    "avg": _avg,
    "count": _count,
    "min": _extreme(np.fmin),
    "max": _extreme(np.fmax),
    "group": _group,
    "stddev": _stddev,
    "stdvar": _stdvar,
}


def _quantile(vector: Vector, numbers: Ints, q: Floats, check: Callable[[], None]) -> Floats:
    """No number counts as the least; what is absent sorts behind all."""
    groups = int(numbers.max()) + 1
    result = np.empty((groups, len(q)))
    bounded = np.where((q >= 0) & (q <= 1), q, 0.0)
    for group in range(groups):
        check()
        chosen = numbers == group
        there = vector.present[chosen]
        ordered = _sorted_columns(vector.values[chosen], there)
        counts = there.sum(axis=0)
        rank = bounded * np.maximum(counts - 1, 0)
        lower = np.floor(rank)
        upper = np.minimum(np.maximum(counts - 1, 0), lower + 1)
        weight = rank - lower
        low = np.take_along_axis(ordered, lower.astype(np.int64)[None, :], 0)[0]
        high = np.take_along_axis(ordered, upper.astype(np.int64)[None, :], 0)[0]
        result[group] = outside(q, low * (1 - weight) + high * weight)
    return result


def _sorted_columns(values: Floats, present: Bools) -> Floats:
    """Each column in order: no numbers, then numbers, then what is absent."""
    rank = np.where(present, np.where(np.isnan(values), 0, 1), 2)
    order = np.lexsort((values, rank), axis=0)
    return np.take_along_axis(values, order, 0)


def _count_values(
    label: str,
    vector: Vector,
    keys: list[Labels],
    most_values: int,
    check: Callable[[], None],
) -> Vector:
    """How often each value occurs, which becomes a label."""
    if not LABEL_NAME.fullmatch(label):
        raise PromqlError(f'invalid label name "{label}"')
    steps = vector.values.shape[1]
    counts: dict[Labels, Floats] = {}
    texts: dict[float, str] = {}
    for row, key in enumerate(keys):
        there, cells = vector.present[row], vector.values[row]
        for value in np.unique(cells[there]).tolist():
            check()
            text = texts.setdefault(value, plain(value))
            labels = with_label(key, label, text)
            if labels not in counts:
                _afford(len(counts) + 1, steps, most_values)
                counts[labels] = np.zeros(steps)
            count = counts[labels]
            count += there & ((cells == value) | (np.isnan(cells) & np.isnan(value)))
    values = np.array(list(counts.values())).reshape(len(counts), steps)
    return Vector(list(counts), values, values > 0)


def _afford(rows_made: int, steps: int, most_values: int) -> None:
    """Twice: the counts are put into one array in the end."""
    if 2 * rows_made * steps > most_values:
        raise TooManySamplesError(
            f"count_values makes {rows_made} rows or more over {steps} steps, and there is room "
            f"for {most_values} values (promql.max_values)"
        )
