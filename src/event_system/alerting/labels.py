"""Sets of labels: their rules, their fingerprints, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

Labels: TypeAlias = Mapping[str, str]

ALERT_NAME = "alertname"
MAX_LABELS = 100
MAX_NAME = 255
MAX_VALUE = 65_536
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_MASK = (1 << 64) - 1
_SEPARATOR = b"\xff"
_LOWEST = bytes(byte * _FNV_PRIME & 0xFF for byte in range(256))
"""The lowest byte of a product with the prime, by that of the factor."""
_SHORT = 64
_Step: TypeAlias = tuple[int, int, int]
"""Hash * power + sum, and the new lowest byte."""
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@lru_cache(maxsize=4_096)
def is_label_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def fingerprint(labels: Labels) -> str:
    """16 hex digits that name a label set: FNV-1a of 64 bits, the same as Prometheus' own."""
    found, low = _FNV_OFFSET, _FNV_OFFSET & 0xFF
    for name in sorted(labels):
        value = labels[name]
        step = _known_label if len(value) <= _SHORT else _label
        power, sum_, low = step(low, name, value)
        found = (found * power + sum_) & _MASK
    return f"{found:016x}"


def _label(low: int, name: str, value: str) -> _Step:
    """What hashing a label does. What recurs is hashed once for each lowest byte before it."""
    power, sum_, low = _known_name(low, name)
    more, added, low = _text(low, value)
    return power * more & _MASK, (sum_ * more + added) & _MASK, low


def _text(low: int, text: str) -> _Step:
    """What hashing a text and a separator does.

    FNV-1a xors each byte into the lowest byte only, so what it adds there follows from that byte
    alone.
    """
    sum_, data = 0, text.encode("utf-8", "replace") + _SEPARATOR
    for byte in data:
        mixed = low ^ byte
        sum_ = (sum_ + mixed - low) * _FNV_PRIME & _MASK
        low = _LOWEST[mixed]
    return _power(len(data)), sum_, low


@lru_cache(maxsize=256)
def _power(number: int) -> int:
    return pow(_FNV_PRIME, number, _MASK + 1)


_known_name = lru_cache(maxsize=4_096)(_text)
_known_label = lru_cache(maxsize=16_384)(_label)


def quoted(value: str) -> str:
    """`"value"`, with backslashes before what needs them."""
    return f'"{value.translate(_ESCAPED)}"'


def written(labels: Labels) -> str:
    """`{a="b", c="d"}`, by name."""
    return "{" + ", ".join(f"{name}={quoted(labels[name])}" for name in sorted(labels)) + "}"


def order(labels: Labels) -> tuple[object, ...]:
    """A key that sorts alerts: by job, by instance, then by all labels."""
    first = [(name not in labels, labels.get(name, "")) for name in ("job", "instance")]
    return *first, len(labels), sorted(labels.items())


def sorted_pairs(labels: Labels) -> list[tuple[str, str]]:
    """The pairs by name; the alert's name comes first."""
    return sorted(labels.items(), key=lambda pair: (pair[0] != ALERT_NAME, pair[0]))
