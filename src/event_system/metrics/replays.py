"""Replays in numbers, by listener."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final, Literal, Protocol

from event_system.metrics.manager import MetricsManager

_FAMILIES: Final[tuple[tuple[Literal["gauge", "counter"], str, str, str], ...]] = (
    ("gauge", "listener_replays_running", "running", "Replays that are under way or wait."),
    ("gauge", "listener_replay_left", "left", "Offsets that a replay has before it."),
    ("counter", "listener_replayed_events_total", "handled", "Events that replays handed over."),
    ("counter", "listener_replay_errors_total", "failed", "Calls in replays that failed."),
)


class Numbers(Protocol):
    """A listener's replays: totals since the start, and how much lies ahead now."""

    @property
    def running(self) -> int: ...
    @property
    def left(self) -> int: ...
    @property
    def handled(self) -> int: ...
    @property
    def failed(self) -> int: ...


def watch_replays(manager: MetricsManager, numbers: Callable[[], Mapping[str, Numbers]]) -> None:
    """Register what is read at each scrape, on the loop."""
    for kind, name, attribute, meaning in _FAMILIES:
        _register(manager, kind, name, meaning, attrgetter(attribute), numbers)


def _register(
    manager: MetricsManager,
    kind: Literal["gauge", "counter"],
    name: str,
    meaning: str,
    value: Callable[[Numbers], float],
    numbers: Callable[[], Mapping[str, Numbers]],
) -> None:
    manager.register_function(
        kind,
        name,
        meaning,
        ("listener",),
        lambda: {(listener,): value(each) for listener, each in numbers().items()},
    )
