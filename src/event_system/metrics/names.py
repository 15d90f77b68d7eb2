"""What metrics and their labels may be called."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from event_system.kernel.errors import MetricError

MAX_QUANTILES: Final = 20
MAX_LENGTH: Final = 200
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = {"histogram": {"le"}, "summary": {"quantile"}}
_SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "gauge": ("",),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
    "summary": ("", "_sum", "_count", "_created"),
}


def check_names(name: str, kind: str, labels: Sequence[str]) -> None:
    """Raise `MetricError` where Prometheus could not take the name or a label."""
    if not _NAME.fullmatch(name) or len(name) > MAX_LENGTH:
        raise MetricError(
            f"{name!r} is no metric name: letters, digits, `_` and `:`, no digit first, "
            f"{MAX_LENGTH} at most",
            where=name,
        )
    for label in labels:
        if not _LABEL.fullmatch(label) or label in _RESERVED.get(kind, ()):
            raise MetricError(f"{label!r} cannot be a label of {name}", where=name)
    if len(set(labels)) < len(labels):
        raise MetricError(f"two labels of {name} have the same name", where=name)


def check_bounds(name: str, bounds: Sequence[float]) -> tuple[float, ...]:
    """A histogram's upper bounds without the infinite one, or `MetricError`."""
    finite = tuple(float(bound) for bound in bounds if bound != math.inf)
    rising = all(low < high for low, high in pairwise(finite))
    if not finite or not rising or any(math.isnan(bound) for bound in finite):
        raise MetricError(f"the buckets of {name} have to rise", where=name)
    return finite


def check_quantiles(name: str, quantiles: Sequence[float]) -> tuple[float, ...]:
    """A summary's quantiles, or `MetricError`."""
    found = tuple(map(float, quantiles))
    rising = all(low < high for low, high in pairwise(found))
    if not 0 < len(found) <= MAX_QUANTILES or not rising or not 0 <= found[0] <= found[-1] <= 1:
        raise MetricError(
            f"the quantiles of {name} have to rise from 0 to 1, and be {MAX_QUANTILES} at most",
            where=name,
        )
    return found


def family_name(name: str, kind: str) -> str:
    """The name without the suffix that a counter's samples have anyway."""
    return name.removesuffix("_total") if kind == "counter" else name


def claimed(name: str, kind: str, *, exact: bool = False) -> Iterable[str]:
    """All sample names that a metric takes, so that no other metric may have them."""
    if exact:
        return (name,)
    return (family_name(name, kind) + suffix for suffix in _SUFFIXES[kind])


def sample_name(name: str, kind: str) -> str:
    """The name under which a metric is queried: counters end in `_total`."""
    return family_name(name, kind) + ("_total" if kind == "counter" else "")
