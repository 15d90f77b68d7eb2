"""What listeners' modules declare: metrics of their own, and collectors that fill them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from event_system.metrics.collector import INTERVAL_SECONDS, Collecting, CollectorFunc
from event_system.metrics.manager import MetricsManager

Registration: TypeAlias = Callable[[MetricsManager], Any]
_R = TypeVar("_R", bound=Registration)
_C = TypeVar("_C", bound=CollectorFunc)
_REGISTERS: Final = "__event_system_registers_metrics__"
_COLLECTS: Final = "__event_system_collects__"

RESERVED: Final = ("achievement_", "achievements_", "governance_", "chain_", "blockchain_")
"""How the names of metrics begin that only the node itself may register."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What was found in modules. Registrations are called before the first collector is."""

    registrations: dict[str, Registration] = field(default_factory=dict)
    collectors: dict[str, Collecting] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.registrations or self.collectors)

    def update(self, other: Declared) -> None:
        self.registrations.update(other.registrations)
        self.collectors.update(other.collectors)


def register_metrics(function: _R) -> _R:
    """Declare a function that a node calls once, at its start, with its `MetricsManager`."""
    setattr(function, _REGISTERS, True)
    return function


def collector(
    *,
    interval_seconds: float = INTERVAL_SECONDS,
    deadline_seconds: float | None = None,
    name: str | None = None,
) -> Callable[[_C], _C]:
    """Declare a function that a node calls every so often with its `MetricsManager`.

    A plain function runs in a thread, a coroutine function on the event loop. Raises
    `MetricError` for times that make no sense.
    """

    def declare(function: _C) -> _C:
        called = name or _name(function)
        made = Collecting(called, function, interval_seconds, deadline_seconds)
        setattr(function, _COLLECTS, made.checked())
        return function

    return declare


def declared_by(thing: Any) -> Declared:
    """What a function, or the members of a module, declare."""
    members = list(vars(thing).values()) if inspect.ismodule(thing) else [thing]
    found = Declared()
    for member in members:
        if getattr(member, _REGISTERS, None) is True:
            found.registrations[_name(member)] = member
        made = getattr(member, _COLLECTS, None)
        if isinstance(made, Collecting):
            found.collectors[made.name] = made
    return found


def _name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"
