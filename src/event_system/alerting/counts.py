"""What is counted of alerting, and what became of its configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Reloads:
    """Whether the last reading of the configuration succeeded, and when one last did."""

    succeeded: bool
    at_us: int


@dataclass(slots=True)
class Counts:
    """What came in since the start."""

    firing: int = 0
    resolved: int = 0
    invalid: int = 0
