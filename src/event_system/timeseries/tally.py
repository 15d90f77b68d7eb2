"""What a store counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Samples since the start: taken, and refused by reason."""

    appended: int = 0
    out_of_order: int = 0
    duplicate: int = 0
    future: int = 0
    series_limit: int = 0
    failed: int = 0
