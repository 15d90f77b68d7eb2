"""The numbers of rule evaluation among a node's own, under Prometheus' names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from event_system.metrics.manager import MetricsManager
from event_system.rules.evaluation import RuleState
from event_system.rules.group_run import GroupRun

Samples: TypeAlias = Mapping[tuple[str, ...], float]
_GROUP: Final = "prometheus_rule_group"


class RuleMetrics:
    """Registers what is read at each scrape of `runs`; `evaluated` takes what passes between."""

    def __init__(self, metrics: MetricsManager, runs: Callable[[], Sequence[GroupRun]]) -> None:
        self._rule_seconds = metrics.register_summary(
            "prometheus_rule_evaluation_duration_seconds",
            "The duration for a rule to execute.",
            quantiles=(0.5, 0.9, 0.99),
        )
        self._group_seconds = metrics.register_summary(
            f"{_GROUP}_duration_seconds",
            "The duration of rule group evaluations.",
            quantiles=(0.01, 0.05, 0.5, 0.9, 0.99),
        )
        for kind, name, help_, read in _READ:
            metrics.register_function(kind, name, help_, ["rule_group"], _of_each(runs, read))

    def evaluated(self, run: GroupRun) -> None:
        """A group was evaluated just now."""
        self._group_seconds.child().observe(run.seconds)
        child = self._rule_seconds.child()
        for state in run.state.rules:
            child.observe(state.seconds)


def _of_each(
    runs: Callable[[], Sequence[GroupRun]], read: Callable[[GroupRun], float]
) -> Callable[[], Samples]:
    return lambda: {
        (f"{run.state.group.file};{run.state.group.name}",): read(run) for run in runs()
    }


def _samples(run: GroupRun) -> int:
    return sum(map(_given, run.state.rules))


def _given(state: RuleState) -> int:
    """How many samples a rule gave: of each alert `ALERTS` and `ALERTS_FOR_STATE`."""
    if state.error is not None:
        return 0
    return len(state.series) + 2 * sum(alert.state != "resolved" for alert in state.alerts.values())


_READ: Final[
    tuple[tuple[Literal["gauge", "counter"], str, str, Callable[[GroupRun], float]], ...]
] = (
    (
        "counter",
        "prometheus_rule_evaluations_total",
        "The total number of rule evaluations.",
        lambda run: run.evaluations,
    ),
    (
        "counter",
        "prometheus_rule_evaluation_failures_total",
        "The total number of rule evaluation failures.",
        lambda run: run.failures,
    ),
    (
        "counter",
        f"{_GROUP}_iterations_total",
        "The total number of scheduled rule group evaluations, whether executed or missed.",
        lambda run: run.turns,
    ),
    (
        "counter",
        f"{_GROUP}_iterations_missed_total",
        "The total number of rule group evaluations missed due to slow rule group evaluation.",
        lambda run: run.missed,
    ),
    (
        "gauge",
        f"{_GROUP}_interval_seconds",
        "The interval of a rule group.",
        lambda run: run.interval_ms / 1000,
    ),
    (
        "gauge",
        f"{_GROUP}_last_duration_seconds",
        "The duration of the last rule group evaluation.",
        lambda run: run.seconds,
    ),
    (
        "gauge",
        f"{_GROUP}_last_evaluation_timestamp_seconds",
        "The timestamp of the last rule group evaluation in seconds.",
        lambda run: (run.last_ms or 0) / 1000,
    ),
    (
        "gauge",
        f"{_GROUP}_last_evaluation_samples",
        "The number of samples returned during the last rule group evaluation.",
        _samples,
    ),
    ("gauge", f"{_GROUP}_rules", "The number of rules.", lambda run: len(run.state.rules)),
)
