"""What is kept, with something in every member."""

from __future__ import annotations

from typing import Any

from event_system.delivery.replays.replay import Replay


def replay(listener: str = "x", **members: Any) -> Replay:
    whole: dict[str, Any] = {
        "mode": "all",
        "after": 3,
        "through": 90,
        "began": 1,
        "ends": {0: 80, 1: 90},
        "rate": 12.5,
        "started_us": 1_000,
        "cursors": {0: 4, 1: 6},
        "detail": "Ein „Detail“",
    }
    return Replay(listener=listener, **{**whole, **members})


def over(listener: str = "x", **members: Any) -> Replay:
    """One that has ended."""
    return replay(listener, **{"state": "done", "ended_us": 2_000, **members})
