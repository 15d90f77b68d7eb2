"""Rules and groups of rules, as files declare them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from event_system.promql.labels import Labels

DEFAULT_INTERVAL_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """The result of `query` becomes the series `name`, with `labels` set."""

    name: str
    query: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """Every row of `query` is an alert: pending for `for_ms`, then firing."""

    name: str
    query: str
    labels: Labels = ()
    annotations: Labels = ()
    for_ms: int = 0
    keep_firing_ms: int = 0


Rule: TypeAlias = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, each `interval_ms` (None: the default).

    A rule whose result has more than `limit` rows fails; 0 sets no limit.
    """

    name: str
    file: str
    rules: tuple[Rule, ...]
    interval_ms: int | None = None
    limit: int = 0
