"""What expressions come to: rows of numbers, one column for each step.

A scalar is an array of (steps). A vector is labels of rows, and two arrays of (rows, steps): the
values, and whether there is one; what stands where there is none means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from event_system.kernel.errors import PromqlError
from event_system.promql.ports import NAME, Labels

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

NO_LABELS: Final[Labels] = ()


@dataclass(frozen=True, slots=True)
class Vector:
    """Rows with their labels; `values` and `present` are (rows, steps)."""

    labels: list[Labels]
    values: Floats
    present: Bools


def nothing(steps: int) -> Vector:
    """A vector without rows."""
    return Vector([], np.empty((0, steps)), np.empty((0, steps), np.bool_))


def row_of(values: Floats, labels: Labels = NO_LABELS) -> Vector:
    """A vector of one row that is always there."""
    return Vector([labels], values[None, :], np.ones((1, len(values)), np.bool_))


def rows(vector: Vector, chosen: Sequence[int] | Ints) -> Vector:
    """Some of the rows, in this order."""
    index = np.asarray(chosen, np.int64)
    labels = [vector.labels[place] for place in index.tolist()]
    return Vector(labels, vector.values[index], vector.present[index])


def filled(vector: Vector) -> Vector:
    """The rows that are there at some step."""
    there = vector.present.any(axis=1)
    return vector if there.all() else rows(vector, np.flatnonzero(there))


def without_name(labels: Iterable[Labels]) -> list[Labels]:
    """The labels without the metric's name."""
    return [
        entry[1:] if entry and entry[0][0] == NAME else tuple(p for p in entry if p[0] != NAME)
        for entry in labels
    ]


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """The labels with one of them set; with an empty value, without it."""
    others = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*others, (name, value)])) if value else tuple(others)


def groups_of(keys: Sequence[object]) -> tuple[Ints, list[int]]:
    """A number for each key, equal for equal ones and from 0 on, and where each stands first."""
    numbers: dict[object, int] = {}
    places = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    first = np.full(len(numbers), -1, np.int64)
    first[places[::-1]] = np.arange(len(keys) - 1, -1, -1)
    return places, first.tolist()


def unique(vector: Vector, *, strict: bool = False) -> Vector:
    """Rows of equal labels made one. Raises `PromqlError` where two are there at once.

    `strict`: where two are there at all.
    """
    if len(set(vector.labels)) == len(vector.labels):
        return vector
    vector = filled(vector)
    if len(set(vector.labels)) == len(vector.labels):
        return vector
    numbers, first = groups_of(vector.labels)
    if strict or (summed(vector.present.astype(np.int64), numbers, len(first)) > 1).any():
        raise PromqlError("vector cannot contain metrics with the same labelset")
    values = summed(np.where(vector.present, vector.values, 0.0), numbers, len(first))
    labels = [vector.labels[place] for place in first]
    return Vector(labels, values, any_of(vector.present, numbers, len(first)))


def summed(cells: NDArray, numbers: Ints, groups: int) -> NDArray:  # type: ignore[type-arg]
    """The sums of each group's rows: (rows, steps) to (groups, steps). No group is empty."""
    return grouped(np.add, cells, numbers, groups)


def any_of(cells: Bools, numbers: Ints, groups: int) -> Bools:
    """Whether any of each group's rows is true."""
    return grouped(np.logical_or, cells, numbers, groups)


def grouped(how: np.ufunc, cells: NDArray, numbers: Ints, groups: int) -> NDArray:  # type: ignore[type-arg]
    """Each group's rows reduced to one. No group is empty."""
    if groups == len(cells) and (np.diff(numbers) > 0).all():
        return cells
    if groups == 1:
        return np.asarray(how.reduce(cells, axis=0, keepdims=True))
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(groups))
    return np.asarray(how.reduceat(cells[order], starts, axis=0))
