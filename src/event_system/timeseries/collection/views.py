"""What is shown of collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from event_system.promql.ports import Labels

TargetHealth: TypeAlias = Literal["up", "down", "unknown"]


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """A target and its newest scrape; `error` is empty where that went well."""

    discovered: Labels
    labels: Labels
    pool: str
    url: str
    error: str
    last_scrape_us: int | None
    last_seconds: float
    health: TargetHealth
    interval_seconds: float
    timeout_seconds: float


@dataclass(slots=True)
class FileTally:
    """Of files that name targets: failed readings so far, and when each was changed last."""

    read_errors: int = 0
    changed_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class SendingTally:
    """What became of samples for one receiver since the start.

    `tried` and `retried` count a sample at each attempt, and at each that failed and is made again.
    `failed` are those that cannot be sent or were refused for good, `dropped` those that the queue
    had no room for. Times are milliseconds, 0 before the first sample.
    """

    tried: int = 0
    sent: int = 0
    failed: int = 0
    dropped: int = 0
    retried: int = 0
    packed_bytes: int = 0
    newest_taken_ms: int = 0
    newest_sent_ms: int = 0


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metric is: Prometheus' word for its type, its meaning, its unit."""

    type: str
    help: str
    unit: str = ""
