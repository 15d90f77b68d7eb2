"""Numbers as text, as Prometheus writes and reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LEAST, _MOST = 1e-6, 1e21
"""Between them an answer has no exponent."""
_EXACT: Final = 2.0**53
"""Below it a float is an integer where it equals one, and has that one's digits."""
_NUMBER = re.compile(
    r"[+-]?(?:inf(?:inity)?|nan|0x[0-9a-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)", re.IGNORECASE
)
_SPECIAL: Final = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def answered(value: float) -> str:
    """As answers hold it: the shortest digits that are read back as the same number."""
    text = repr(value)
    if text[-2:] == ".0":
        return text[:-2]
    if "e" in text:
        return format(Decimal(text), "f") if _LEAST <= abs(value) < _MOST else text
    return _SPECIAL.get(text, text)


def all_answered(values: NDArray[np.float64]) -> Iterable[str]:
    """The same of each; integers, which counters are, take less time."""
    if np.abs(values).max(initial=0.0) < _EXACT:
        whole = values.astype(np.int64)
        if (whole.astype(np.float64).view(np.int64) == values.view(np.int64)).all():  # no -0
            return map(str, whole.tolist())
    return map(answered, values.tolist())


def plain(value: float) -> str:
    """The same, without an exponent whatever the size."""
    text = answered(value)
    return format(Decimal(text), "f") if "e" in text else text


def number_of(text: str) -> float | None:
    """The number that a text such as `0.5`, `1e3` or `+Inf` is; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    return float(int(text, 16)) if "x" in text.lower() else float(text)
