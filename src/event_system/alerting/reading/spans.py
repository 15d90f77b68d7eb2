"""Spans of time as Prometheus writes them: `30s`, `1h30m`, `1d`."""

from __future__ import annotations

import re
from typing import Final

_UNITS_US: Final = {
    "y": 365 * 86_400_000_000,
    "w": 7 * 86_400_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_SPAN: Final = re.compile("".join(rf"(?:(\d{{1,9}}){unit})?" for unit in _UNITS_US))
_LONGEST_US: Final = 100 * _UNITS_US["y"]


def span_us(text: str) -> int:
    """Microseconds. Raises `ValueError`."""
    if text == "0":
        return 0
    found = _SPAN.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{text[:80]!r} is no span: write 30s, 5m, 1h30m or 1d")
    parts = zip(found.groups(), _UNITS_US.values(), strict=True)
    total = sum(int(number) * unit for number, unit in parts if number)
    if total > _LONGEST_US:
        raise ValueError(f"{text[:80]!r} is longer than 100 years")
    return total
