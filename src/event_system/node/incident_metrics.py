"""The numbers of incidents among a node's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from event_system.incidents.counts import BOUNDS, Spans
from event_system.incidents.incident import OPEN
from event_system.incidents.levels import Level
from event_system.incidents.manager import IncidentManager
from event_system.incidents.reports.objectives import ObjectiveState
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


def watch_objectives(
    metrics: MetricsManager, states: Callable[[], Sequence[ObjectiveState]]
) -> None:
    """Register what objectives come to; of one about which nothing is known only what it asks."""

    def gauge(name: str, help_: str, of: Callable[[ObjectiveState], float | None]) -> None:
        def samples() -> Samples:
            values = {_objective(state): of(state) for state in states()}
            return {labels: value for labels, value in values.items() if value is not None}

        metrics.register_function("gauge", name, help_, ["service", "window"], samples)

    gauge("slo_objective_ratio", "The share that is to be good.", lambda s: s.objective)
    gauge("slo_window_seconds", "The time that an objective is for.", lambda s: s.window_seconds)
    gauge("slo_error_budget_left_ratio", "What is left of it.", lambda s: s.budget_left)
    metrics.register_function(
        "gauge",
        "slo_error_budget_burn_rate",
        "How fast the error budget burns.",
        ["service", "window", "over"],
        lambda: _burns(states()),
    )


def _objective(state: ObjectiveState) -> tuple[str, str]:
    return state.service, _span(state.window_seconds)


def _burns(states: Sequence[ObjectiveState]) -> Samples:
    found: dict[tuple[str, ...], float] = {}
    for state in states:
        for burn in state.burns:
            for seconds, rate in (
                (burn.long_seconds, burn.long_rate),
                (burn.short_seconds, burn.short_rate),
            ):
                if rate is not None:
                    found[*_objective(state), _span(seconds)] = rate
    return found


def _span(seconds: int) -> str:
    """`30d`, `6h`, `5m`: in the largest unit that fits."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


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
