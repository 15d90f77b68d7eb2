"""What the API tells of: a query engine, and facts about what collects and what evaluates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from event_system.promql.engine import Engine

Json: TypeAlias = Mapping[str, Any]
"""An object as Prometheus' API documents it."""


def _none() -> Sequence[Json]:
    return ()


@dataclass(frozen=True, slots=True)
class Targets:
    """What is scraped, and what relabelling has dropped."""

    active: Sequence[Json] = ()
    dropped: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The engine, and where the rest comes from; all are called in the event loop.

    `metadata` gives, by metric, objects of `type`, `help` and `unit`; `rules` rule groups,
    `alerts` active alerts; `head` the members of `headStats`. `config` is YAML.
    """

    engine: Engine
    started_us: int
    metadata: Callable[[], Mapping[str, Sequence[Json]]] = dict
    targets: Callable[[], Targets] = Targets
    rules: Callable[[], Sequence[Json]] = _none
    alerts: Callable[[], Sequence[Json]] = _none
    config: Callable[[], str] = str
    head: Callable[[], Json] = dict
    flags: Mapping[str, str] = field(default_factory=dict)
    retention: str = "15d"
