"""What a recording rule makes of a query's answer."""

from __future__ import annotations

from collections.abc import Collection

from event_system.kernel.errors import RuleFailedError
from event_system.promql.engine import Answer
from event_system.promql.ports import NAME, STALE, Labels
from event_system.promql.values import with_label
from event_system.rules.model import RecordingRule
from event_system.rules.ports import Sample


def recorded(rule: RecordingRule, answer: Answer, limit: int) -> list[Sample]:
    """The samples to store. Raises `RuleFailedError` for equal series, or too many."""
    samples = [
        Sample(_renamed(rule, series.labels), int(series.times[-1]), float(series.values[-1]))
        for series in answer.series
    ]
    if limit and len(samples) > limit:
        raise RuleFailedError(f"{rule.name}: {len(samples)} series; the group's limit is {limit}")
    if len({sample.labels for sample in samples}) < len(samples):
        raise RuleFailedError(
            f"{rule.name}: vector contains metrics with the same labelset after applying rule "
            "labels"
        )
    return samples


def _renamed(rule: RecordingRule, labels: Labels) -> Labels:
    for name, value in rule.labels:
        labels = with_label(labels, name, value)
    return with_label(labels, NAME, rule.name)


def endings(before: Collection[Labels], now: Collection[Labels], time_ms: int) -> list[Sample]:
    """Marks of the end for series that a rule gave the last time and gives no more."""
    gone = sorted(set(before) - set(now))
    return [Sample(labels, time_ms, float(STALE)) for labels in gone]
