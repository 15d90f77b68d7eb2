"""Binary operators: on numbers, and between rows of two vectors that match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from event_system.kernel.errors import PromqlError, TooManySamplesError
from event_system.promql.ports import NAME, Labels
from event_system.promql.syntax import COMPARISONS, Binary, Matching
from event_system.promql.values import (
    Bools,
    Floats,
    Ints,
    Vector,
    any_of,
    filled,
    groups_of,
    nothing,
    summed,
    unique,
    with_label,
    without_name,
)

_FUNCTIONS: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
_TESTS: Final[dict[str, Callable[[Floats, Floats], Bools]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


_KEEP_NAME: Final = COMPARISONS | {"atan2"}
"""Prometheus 2 forgets to drop the metric's name after `atan2`; so do we, to answer the same."""


def between_scalars(operator: str, left: Floats, right: Floats) -> Floats:
    """A comparison answers 0 or 1."""
    if operator in COMPARISONS:
        return _TESTS[operator](left, right).astype(np.float64)
    return _FUNCTIONS[operator](left, right)


def with_scalar(node: Binary, vector: Vector, scalar: Floats, *, scalar_left: bool) -> Vector:
    """A vector and a number; a comparison chooses among the vector's values."""
    left, right = (scalar, vector.values) if scalar_left else (vector.values, scalar)
    if node.operator not in COMPARISONS:
        values = _FUNCTIONS[node.operator](left, right)
        named = node.operator in _KEEP_NAME
        labels = vector.labels if named else without_name(vector.labels)
        return unique(Vector(labels, values, vector.present))
    fits = _TESTS[node.operator](left, right)
    if not node.as_bool:
        return replace(vector, present=vector.present & fits)
    values = fits.astype(np.float64)
    return unique(Vector(without_name(vector.labels), values, vector.present))


def between_vectors(node: Binary, left: Vector, right: Vector, most_values: int) -> Vector:
    """Rows that match, at most `most_values` of them over the steps.

    Raises `PromqlError` where a row has several to match with.
    """
    swapped = node.matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    steps = left.values.shape[1]
    if not many.labels or not one.labels:
        return nothing(steps)
    pairs = _Pairs(node.matching, many, one, most_values // steps)
    a, b = many.values[pairs.many], one.values[pairs.one]
    present = many.present[pairs.many] & one.present[pairs.one]
    first, second = (b, a) if swapped else (a, b)
    if node.operator in COMPARISONS:
        fits = _TESTS[node.operator](first, second)
        values = fits.astype(np.float64) if node.as_bool else first
        present = present if node.as_bool else present & fits
    else:
        values = _FUNCTIONS[node.operator](first, second)
    if node.matching.many is None:
        pairs.refuse_several(present)
    labels = _result_labels(node, pairs, many.labels, one.labels)
    if node.matching.many is not None:
        pairs.refuse_equal(labels, present)
    return unique(Vector(labels, values, present))


class _Pairs:
    """Which rows of the two sides meet: places in either, and what they have in common."""

    def __init__(self, matching: Matching, many: Vector, one: Vector, most: int) -> None:
        self._matching = matching
        keys = signatures(matching, one.labels)
        places: dict[Labels, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        if len(places) < len(keys):
            _refuse_overlap(matching, keys, many, one)
        wanted = signatures(matching, many.labels)
        counts = np.fromiter((len(places.get(key, ())) for key in wanted), np.int64, len(wanted))
        if counts.sum() > most:
            raise TooManySamplesError(
                f"{len(many.labels)} rows match with {len(one.labels)} in more than {most} ways, "
                "which is too many for this many steps (promql.max_values)"
            )
        met = (other for key in wanted for other in places.get(key, ()))
        self.many: Ints = np.repeat(np.arange(len(wanted)), counts)
        self.one: Ints = np.fromiter(met, np.int64, int(counts.sum()))
        if len(places) < len(keys):
            # Rows that are never there at once do not meet, and there may be many of these.
            at_once = (many.present[self.many] & one.present[self.one]).any(axis=1)
            self.many, self.one = self.many[at_once], self.one[at_once]
        self._keys = [wanted[row] for row in self.many]

    def refuse_several(self, present: Bools) -> None:
        numbers, first = groups_of(self._keys)
        if len(first) == len(self._keys) or not self._keys:
            return
        if (summed(present.astype(np.int64), numbers, len(first)) > 1).any():
            raise PromqlError(
                "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)"
            )

    def refuse_equal(self, labels: list[Labels], present: Bools) -> None:
        keys = list(zip(self._keys, labels, strict=True))
        numbers, first = groups_of(keys)
        if len(first) == len(keys) or not keys:
            return
        if (summed(present.astype(np.int64), numbers, len(first)) > 1).any():
            raise PromqlError(
                "multiple matches for labels: grouping labels must ensure unique matches"
            )


def _refuse_overlap(matching: Matching, keys: list[Labels], many: Vector, one: Vector) -> None:
    """Two rows of the one side with the same signature must not be there at once."""
    numbers, first = groups_of(keys)
    at_once = summed(one.present.astype(np.int64), numbers, len(first)) > 1
    at_once &= many.present.any(axis=0)
    if not at_once.any():
        return
    group = int(np.flatnonzero(at_once.any(axis=1))[0])
    found = [one.labels[place] for place in np.flatnonzero(numbers == group)[:2]]
    side = "left" if matching.many == "right" else "right"
    raise PromqlError(
        f"found duplicate series for the match group {text_of(keys[first[group]])} on the {side} "
        f"hand-side of the operation: [{', '.join(map(text_of, found))}];many-to-many matching "
        "not allowed: matching labels must be unique on one side"
    )


def text_of(labels: Labels) -> str:
    """Labels as they are written."""
    pairs = ", ".join(f'{name}="{value}"' for name, value in labels)
    return f"{{{pairs}}}"


def signatures(matching: Matching, labels: list[Labels]) -> list[Labels]:
    """What rows have to have in common to match."""
    names = matching.labels
    if matching.on:
        return [tuple(pair for pair in entry if pair[0] in names) for entry in labels]
    left_out = names | {NAME}
    return [tuple(pair for pair in entry if pair[0] not in left_out) for entry in labels]


def _result_labels(
    node: Binary, pairs: _Pairs, many: list[Labels], one: list[Labels]
) -> list[Labels]:
    matching = node.matching
    if matching.many is None:
        bare = [_kept(matching, many[row]) for row in pairs.many]
    else:
        bare = [
            _including(matching, many[m], one[o])
            for m, o in zip(pairs.many, pairs.one, strict=True)
        ]
    drops = node.as_bool or node.operator not in _KEEP_NAME
    return without_name(bare) if drops and NAME not in matching.included else bare


def _kept(matching: Matching, labels: Labels) -> Labels:
    return tuple(pair for pair in labels if (pair[0] in matching.labels) == matching.on)


def _including(matching: Matching, labels: Labels, others: Labels) -> Labels:
    taken = dict(others)
    for name in matching.included:
        labels = with_label(labels, name, taken.get(name, ""))
    return labels


def between_sets(node: Binary, left: Vector, right: Vector) -> Vector:
    """`and`, `or`, `unless`."""
    if node.operator == "or":
        beside = _has_match(node.matching, right, left)
        return unique(
            Vector(
                left.labels + right.labels,
                np.concatenate((left.values, right.values)),
                np.concatenate((left.present, right.present & ~beside)),
            )
        )
    matched = _has_match(node.matching, left, right)
    return replace(left, present=left.present & (matched if node.operator == "and" else ~matched))


def _has_match(matching: Matching, mine: Vector, others: Vector) -> Bools:
    """Where each of my rows has a row of the others that matches: (mine, steps)."""
    found = np.zeros(mine.present.shape, np.bool_)
    if not others.labels:
        return found
    keys = signatures(matching, others.labels)
    numbers, first = groups_of(keys)
    there = any_of(others.present, numbers, len(first))
    places = {keys[place]: number for number, place in enumerate(first)}
    for row, key in enumerate(signatures(matching, mine.labels)):
        if (number := places.get(key)) is not None:
            found[row] = there[number]
    return found


def negated(vector: Vector) -> Vector:
    """A minus in front."""
    there = filled(vector)
    return unique(Vector(without_name(there.labels), -there.values, there.present), strict=True)
