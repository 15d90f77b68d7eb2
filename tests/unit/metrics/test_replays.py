"""Replays in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from event_system.metrics.manager import MetricsManager
from event_system.metrics.replays import watch_replays


@dataclass(frozen=True)
class Told:
    running: int
    left: int
    handled: int
    failed: int


def test_replays_are_told_by_listener_at_each_scrape() -> None:
    manager = MetricsManager()
    numbers: dict[str, Told] = {}
    watch_replays(manager, lambda: numbers)

    numbers["board"] = Told(1, 70, 30, 2)

    told = {
        values.spec.name: {at: value[0] for at, value in values.rows}
        for values in manager.collect()
    }

    assert (
        told.items()
        >= {
            "listener_replays_running": {("board",): 1},
            "listener_replay_left": {("board",): 70},
            "listener_replayed_events_total": {("board",): 30},
            "listener_replay_errors_total": {("board",): 2},
        }.items()
    )
