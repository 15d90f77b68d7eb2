"""What a log on a database server is to be like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`lanes` counts at the first start only; afterwards the log's own holds."""

    lanes: int
    dedupe_window_us: int
    poll_seconds: float = 0.02
