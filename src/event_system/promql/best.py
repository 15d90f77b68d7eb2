"""topk and bottomk: the best values of each group at each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from event_system.kernel.errors import PromqlError
from event_system.promql.numbers import plain
from event_system.promql.values import Bools, Floats, Ints, Vector, rows

_LARGEST: Final = 2.0**63


def best(vector: Vector, numbers: Ints, k: Floats, *, largest: bool) -> Vector:
    """The k largest or smallest of each group, best first at an instant.

    No number is worse than any. Which of equal ones stay is that of Prometheus' heap.
    """
    bad = ~((k < _LARGEST) & (k >= -_LARGEST))
    if bad.any():
        raise PromqlError(f"Scalar value {plain(float(k[bad][0]))} overflows int64")
    values = -vector.values if largest else vector.values
    worth = np.where(vector.present & ~np.isnan(values), values, np.inf)
    kind = np.where(vector.present, np.isnan(values), 2)
    group = np.broadcast_to(numbers[:, None], worth.shape)
    order = np.lexsort((worth, kind, group), axis=0)
    starts = np.searchsorted(np.sort(numbers), np.arange(int(numbers.max()) + 1))
    rank = np.empty(worth.shape, np.int64)
    np.put_along_axis(rank, order, np.arange(len(worth))[:, None], 0)
    rank -= starts[numbers][:, None]
    most = np.trunc(k)
    chosen = vector.present & (rank < most)
    for number in range(len(starts)):
        members = np.flatnonzero(numbers == number)
        _settle_ties(chosen, members, values, vector.present, most)
    kept = replace(vector, present=chosen)
    if len(k) != 1:
        return kept
    return rows(kept, order[chosen[order[:, 0], 0], 0])


def _settle_ties(
    chosen: Bools, members: Ints, values: Floats, present: Bools, most: Floats
) -> None:
    """Choose anew at steps at which what is left out equals what is chosen."""
    inside = np.where(chosen[members], values[members], -np.inf)
    out = present[members] & ~chosen[members]
    worst = np.where(np.isnan(inside).any(axis=0), np.nan, inside.max(axis=0))
    left = values[members]
    tied = out & ((left == worst) | (np.isnan(left) & np.isnan(worst)))
    for step in np.flatnonzero(tied.any(axis=0) & (most >= 1)).tolist():
        there = members[present[members, step]]
        kept = _heap(values[there, step].tolist(), int(most[step]))
        chosen[members, step] = False
        chosen[there[kept], step] = True


def _heap(values: list[float], most: int) -> list[int]:
    """The places that stay of all when they pass a heap with the worst on top, one by one."""
    heap: list[int] = []

    def is_worse(one: int, other: int) -> bool:
        return math.isnan(values[heap[one]]) or values[heap[one]] > values[heap[other]]

    for place, value in enumerate(values):
        if len(heap) == most:
            if not (values[heap[0]] > value or math.isnan(values[heap[0]])):
                continue
            heap[0] = heap[-1]
            heap.pop()
            _down(heap, is_worse)
        heap.append(place)
        _up(heap, is_worse)
    return heap


def _up(heap: list[int], is_worse: Callable[[int, int], bool]) -> None:
    place = len(heap) - 1
    while place > 0:
        parent = (place - 1) // 2
        if not is_worse(place, parent):
            return
        heap[parent], heap[place] = heap[place], heap[parent]
        place = parent


def _down(heap: list[int], is_worse: Callable[[int, int], bool]) -> None:
    place = 0
    while (child := 2 * place + 1) < len(heap):
        if child + 1 < len(heap) and is_worse(child + 1, child):
            child += 1
        if not is_worse(child, place):
            return
        heap[place], heap[child] = heap[child], heap[place]
        place = child
