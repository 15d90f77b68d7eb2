"""Sets of labels: their rules, and how they are written."""

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
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@lru_cache(maxsize=4_096)
def is_label_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


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
