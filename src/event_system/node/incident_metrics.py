"""The numbers of incidents among a node's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from event_system.incidents.counts import BOUNDS, Spans
from event_system.incidents.incident import OPEN
from event_system.incidents.levels import Level
from event_system.incidents.manager import IncidentManager
from event_system.metrics.children import HistogramChild
from event_system.metrics.manager import MetricsManager

Samples: TypeAlias = Mapping[tuple[str, ...], float]
Running: TypeAlias = Callable[[], IncidentManager | None]


def watch_incidents(metrics: MetricsManager, running: Running) -> None:
    """Register what is read at each scrape; nothing is told where nobody looks after them here."""

    def count(
        name: str, help_: str, labels: list[str], read: Callable[[IncidentManager], Samples]
    ) -> None:
        metrics.register_function("counter", name, help_, labels, _told(running, read))

    by_level = ["level", "origin"]
    count("incidents_opened_total", "Incidents.", by_level, lambda m: _copied(m.book.counts.opened))
    count(
        "incidents_resolved_total",
        "Ends of them.",
        by_level,
        lambda m: _copied(m.book.counts.resolved),
    )
    count("incident_pages_total", "Pages.", ["method", "outcome"], lambda m: _copied(m.pages))
    metrics.register_function(
        "gauge", "incidents_open", "Incidents that are open.", ["state"], _told(running, _open)
    )
    _watch_spans(metrics, running)


def _told(running: Running, read: Callable[[IncidentManager], Samples]) -> Callable[[], Samples]:
    def samples() -> Samples:
        manager = running()
        return {} if manager is None else read(manager)

    return samples


def _copied(numbers: Mapping[Any, int]) -> Samples:
    """A scrape reads them in a thread of its own."""
    return dict(numbers)


def _open(manager: IncidentManager) -> Samples:
    states = Counter(case.incident.state for case in list(manager.book.cases.values()))
    return {(state,): states[state] for state in sorted(OPEN)}


def _watch_spans(metrics: MetricsManager, running: Running) -> None:
    def distributions(
        of: Callable[[IncidentManager], Mapping[Level, Spans]],
    ) -> Callable[[], Mapping[tuple[str, ...], HistogramChild]]:
        def children() -> Mapping[tuple[str, ...], HistogramChild]:
            manager = running()
            spans = {} if manager is None else of(manager)
            return {(level,): _child(each) for level, each in spans.items()}

        return children

    metrics.register_distributions(
        "incident_acknowledge_seconds",
        "Time until somebody answered an incident.",
        ["level"],
        distributions(lambda m: m.book.counts.acknowledged_after),
        buckets=BOUNDS,
    )
    metrics.register_distributions(
        "incident_resolve_seconds",
        "Time from the first alert of an incident to its end.",
        ["level"],
        distributions(lambda m: m.book.counts.resolved_after),
        buckets=BOUNDS,
    )


def _child(spans: Spans) -> HistogramChild:
    child = HistogramChild(BOUNDS)
    child.grow(spans.counts, spans.seconds)
    return child
