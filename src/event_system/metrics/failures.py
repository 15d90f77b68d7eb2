"""Failed deliveries in numbers, by listener."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal

from event_system.metrics.manager import MetricsManager

_FAMILIES: Final[tuple[tuple[Literal["gauge", "counter"], str, str, str], ...]] = (
    ("counter", "listener_retries_total", "retries", "Attempts after the first."),
    (
        "counter",
        "listener_interrupted_total",
        "interrupted",
        "Attempts that the end of the process before cut off.",
    ),
    ("counter", "listener_dead_letters_total", "died", "Events that became dead letters."),
    ("gauge", "listener_retrying", "retrying", "Failed events that are tried again."),
    ("gauge", "listener_dead", "dead", "Dead letters that are kept."),
    (
        "gauge",
        "listener_retrying_age_seconds",
        "age_seconds",
        "Since the oldest event that is tried again first failed.",
    ),
)


@dataclass(frozen=True, slots=True)
class FailureNumbers:
    """One listener's: totals since the start, and what there is now."""

    retries: int
    interrupted: int
    died: int
    retrying: int
    dead: int
    age_seconds: float


def watch_failures(
    manager: MetricsManager, numbers: Callable[[], Mapping[str, FailureNumbers]]
) -> None:
    """Register what is read at each scrape, on the loop."""
    for kind, name, attribute, meaning in _FAMILIES:
        _register(manager, kind, name, meaning, attribute, numbers)


def watch_decisions(
    manager: MetricsManager, *, requeued: Callable[[], int], discarded: Callable[[], int]
) -> None:
    """Register what operators did with dead letters."""
    manager.register_function(
        "counter",
        "dead_letters_requeued_total",
        "Dead letters that were requeued.",
        (),
        lambda: {(): requeued()},
    )
    manager.register_function(
        "counter",
        "dead_letters_discarded_total",
        "Dead letters that were discarded.",
        (),
        lambda: {(): discarded()},
    )


def _register(
    manager: MetricsManager,
    kind: Literal["gauge", "counter"],
    name: str,
    meaning: str,
    attribute: str,
    numbers: Callable[[], Mapping[str, FailureNumbers]],
) -> None:
    value = attrgetter(attribute)
    manager.register_function(
        kind,
        name,
        meaning,
        ("listener",),
        lambda: {(listener,): value(each) for listener, each in numbers().items()},
    )
