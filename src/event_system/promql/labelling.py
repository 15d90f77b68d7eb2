"""Functions that change labels, or put rows into an order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from event_system.kernel.errors import PromqlError, PromqlSyntaxError
from event_system.promql.ports import LABEL_NAME, NAME, Labels
from event_system.promql.regexes import compiled
from event_system.promql.syntax import Expression, Range, Selector
from event_system.promql.values import Vector, rows, unique, with_label

_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")
_DIGITS = re.compile(r"(\d+)")
MOST_CHARACTERS: Final = 65_536
"""Of a label that a query makes: joined with itself again and again it would fill the memory."""


def label_replace(vector: Vector, target: str, template: str, source: str, pattern: str) -> Vector:
    """Set `target` to the template filled from `source`, where that matches as a whole."""
    try:
        expression = compiled(f"^(?s:{pattern})$")
    except PromqlSyntaxError as error:
        raise PromqlError(f"invalid regular expression in label_replace(): {pattern}") from error
    _check_name(target, "invalid destination label name in label_replace()")
    known: dict[str, str | None] = {}

    def renamed(labels: Labels) -> Labels:
        value = dict(labels).get(source, "")
        if value not in known:
            match = expression.fullmatch(value)
            known[value] = None if match is None else _filled(template, match)
        text = known[value]
        return labels if text is None else _made(labels, target, text)

    return unique(replace(vector, labels=[renamed(labels) for labels in vector.labels]))


def _filled(template: str, match: Any) -> str:
    """Go's templates: `$1`, `${1}`, `$name`, `$$`; what there is not is empty."""
    places = match.re.groupindex

    def reference(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        name = found[2] or found[3]
        place = int(name) if name.isascii() and name.isdigit() else places.get(name, -1)
        inside = 0 <= place <= match.re.groups
        return (match.group(place) or "") if inside else ""

    return _REFERENCE.sub(reference, template)


def label_join(vector: Vector, target: str, separator: str, *sources: str) -> Vector:
    """Set `target` to the values of other labels, joined."""
    _check_name(target, "invalid destination label name in label_join()")
    for source in sources:
        _check_name(source, "invalid source label name in label_join()")

    def joined(labels: Labels) -> Labels:
        values = dict(labels)
        text = separator.join(values.get(source, "") for source in sources)
        return _made(labels, target, text)

    return unique(replace(vector, labels=[joined(labels) for labels in vector.labels]))


def _made(labels: Labels, target: str, text: str) -> Labels:
    if len(text) > MOST_CHARACTERS:
        raise PromqlError(f"the label {target} would be over {MOST_CHARACTERS:,} characters long")
    return with_label(labels, target, text)


def _check_name(name: str, what: str) -> None:
    if not LABEL_NAME.fullmatch(name):
        raise PromqlError(f"{what}: {name}")


def absent_labels(node: Expression) -> Labels:
    """What is known of the series that a selector did not find: its equalities."""
    selector = node.selector if isinstance(node, Range) else node
    if not isinstance(selector, Selector):
        return ()
    known: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in selector.matchers:
        if matcher.name == NAME:
            continue
        if matcher.op == "=" and matcher.name not in seen:
            known[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            known.pop(matcher.name, None)
    return tuple(sorted(pair for pair in known.items() if pair[1]))


def by_value(vector: Vector, *, descending: bool) -> Vector:
    """The rows of an instant in the order of their values; no number comes last."""
    if vector.values.shape[1] != 1:
        return vector
    there = np.flatnonzero(vector.present[:, 0])
    values = vector.values[there, 0]
    keys = -values if descending else values
    return rows(vector, there[np.lexsort((keys, np.isnan(keys)))])


def by_labels(vector: Vector, names: Sequence[str], *, descending: bool) -> Vector:
    """The rows of an instant in the order of these labels, digits as numbers."""

    def key(place: int) -> Any:
        values = dict(vector.labels[place])
        return [_natural(values.get(name, "")) for name in names], vector.labels[place]

    order = sorted(range(len(vector.labels)), key=key, reverse=descending)
    return rows(vector, order)


def _natural(text: str) -> list[tuple[int, int, str]]:
    return [
        (0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part)
        for part in _DIGITS.split(text)
    ]
