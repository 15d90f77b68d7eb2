"""Functions of one value each: arithmetic, angles, dates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from event_system.promql.values import Floats, Ints

_DAY: Final = 86_400
_FARTHEST: Final = 2.0e11
"""Seconds from 1970 up to which there are dates."""


def _sgn(values: Floats) -> Floats:
    return np.where(np.isnan(values) | (values == 0), values, np.sign(values))


def rounded(values: Floats, to: Floats) -> Floats:
    """To the nearest multiple, halves up."""
    inverse = 1.0 / to
    return np.floor(values * inverse + 0.5) / inverse


def larger(one: Floats, other: Floats) -> Floats:
    """No number if either is none, but infinity beats even that, as in Go."""
    return np.where(np.isposinf(one) | np.isposinf(other), np.inf, np.maximum(one, other))


def smaller(one: Floats, other: Floats) -> Floats:
    """The same downwards."""
    return np.where(np.isneginf(one) | np.isneginf(other), -np.inf, np.minimum(one, other))


FUNCTIONS: Final[dict[str, Callable[..., Floats]]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sgn": _sgn,
    "round": lambda values, *to: rounded(values, *(to or (np.ones(1),))),
    "clamp_min": larger,
    "clamp_max": smaller,
    "deg": lambda values: values * 180 / np.pi,
    "rad": lambda values: values * np.pi / 180,
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{
        f"a{name}": getattr(np, f"arc{name}")
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")
    },
}
"""Of a vector's values and the numbers behind it."""


def _dated(read: Callable[[Ints, Any], Any]) -> Callable[[Floats], Floats]:
    """`read` gets seconds and days since 1970; what is no moment becomes no number."""

    def function(values: Floats) -> Floats:
        known = np.abs(values) <= _FARTHEST
        seconds = np.trunc(np.where(known, values, 0.0)).astype(np.int64)
        days = (seconds // _DAY).astype("datetime64[D]")
        return np.where(known, read(seconds, days).astype(np.float64), np.nan)

    return function


def _since(days: Any, unit: str) -> Any:
    return (days - days.astype(f"datetime64[{unit}]").astype("datetime64[D]")).astype(np.int64)


def _days_in_month(_: Ints, days: Any) -> Any:
    month = days.astype("datetime64[M]")
    ends, begins = (month + 1).astype("datetime64[D]"), month.astype("datetime64[D]")
    return (ends - begins).astype(np.int64)


DATES: Final[dict[str, Callable[[Floats], Floats]]] = {
    "minute": _dated(lambda seconds, _: seconds % 3600 // 60),
    "hour": _dated(lambda seconds, _: seconds % _DAY // 3600),
    "day_of_week": _dated(lambda seconds, _: (seconds // _DAY + 4) % 7),
    "day_of_month": _dated(lambda _, days: _since(days, "M") + 1),
    "day_of_year": _dated(lambda _, days: _since(days, "Y") + 1),
    "days_in_month": _dated(_days_in_month),
    "month": _dated(lambda _, days: days.astype("datetime64[M]").astype(np.int64) % 12 + 1),
    "year": _dated(lambda _, days: days.astype("datetime64[Y]").astype(np.int64) + 1970),
}
"""Of seconds since 1970, UTC."""
