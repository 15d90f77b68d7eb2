"""How much a store keeps, and in what portions."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """The limits of one store. `retention_bytes` None is no limit."""

    retention_ms: int = 15 * DAY_MS
    retention_bytes: int | None = None
    most_series: int = 200_000
    head_ms: int = 2 * HOUR_MS
    """Span of the head at which it becomes a block."""
    head_samples: int = 2_000_000
    """Samples of the head at which it becomes a block."""
    future_ms: int = 10 * MINUTE_MS
    """How far ahead of the clock a sample may be."""
