"""The four levels of incidents, and what an alert says of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

Level: TypeAlias = Literal["P0", "P1", "P2", "P3"]
"""P0 is the worst: nothing works, somebody is woken up. P3 can wait for a working day."""

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
BY_SEVERITY: Final[Mapping[str, Level]] = {"critical": "P0", "warning": "P2", "info": "P3"}
LEAST: Final[Level] = "P3"


def level_of(labels: Mapping[str, str]) -> Level:
    """By the label `level`, else by `severity`; P3 where neither says anything that is known."""
    given = labels.get("level")
    for level in LEVELS:
        if given == level:
            return level
    return BY_SEVERITY.get(labels.get("severity", ""), LEAST)


def worst(one: Level, other: Level) -> Level:
    return min(one, other)


def is_worse(one: Level, than: Level) -> bool:
    return one < than
