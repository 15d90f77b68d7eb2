"""Metrics of several processes as one: a worker tells what has changed, the node adds that up.

Only what has grown since the last time crosses, so that a process that ends takes nothing back of
what it has counted, and one that begins anew at 0 makes nothing jump. Gauges of processes add up as
long as these live.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import TypeAlias

from event_system.kernel.errors import MetricError
from event_system.metrics.families import Counter, Gauge, Histogram
from event_system.metrics.manager import MetricsManager
from event_system.metrics.series import Labels

Change: TypeAlias = tuple[str, Labels, float, list[int]]
"""A metric's name, its label values, a counter's growth or a gauge's value or the growth of a
histogram's sum, and that of its buckets."""


class Changes:
    """A worker process's side. Quantiles cannot be told in parts: summaries stay there."""

    def __init__(self, manager: MetricsManager) -> None:
        self._manager = manager
        self._told: dict[tuple[str, Labels], float] = {}
        self._buckets: dict[tuple[str, Labels], list[int]] = {}

    def take(self) -> list[Change]:
        """What has changed since the last time."""
        found: list[Change] = []
        for family in self._manager.families():
            if isinstance(family, Counter | Gauge):
                found += self._plain(family)
            elif isinstance(family, Histogram):
                found += self._distributions(family)
        return found

    def _plain(self, family: Counter | Gauge) -> Iterator[Change]:
        name = family.spec.name
        for labels, child in family.items():
            value, before = child.value, self._told.get((name, labels), 0)
            if value != before:
                self._told[name, labels] = value
                grown = value - before if isinstance(family, Counter) else value
                yield name, labels, grown, []

    def _distributions(self, family: Histogram) -> Iterator[Change]:
        name = family.spec.name
        for labels, child in family.items():
            at = name, labels
            counts, total = child.counts[:], child.sum
            before = self._buckets.get(at) or [0] * len(counts)
            if counts != before:
                grown = [now - then for now, then in zip(counts, before, strict=True)]
                yield name, labels, total - self._told.get(at, 0), grown
                self._buckets[at], self._told[at] = counts, total


class Merged:
    """The node's side: the metrics of the same names have what all processes counted."""

    def __init__(self, manager: MetricsManager) -> None:
        self._manager = manager
        self._gauges: defaultdict[int, dict[tuple[str, Labels], float]] = defaultdict(dict)

    def take(self, worker: int, changes: Iterable[Change]) -> None:
        """Add what a worker tells; what does not fit the node's own metrics is left out."""
        families = {family.spec.name: family for family in self._manager.families()}
        for name, labels, value, counts in changes:
            family = families.get(name)
            try:
                if isinstance(family, Counter) and value >= 0 and isfinite(value):
                    family.child(*labels).add(value)
                elif isinstance(family, Gauge) and isfinite(value):
                    before = self._gauges[worker].get((name, labels), 0.0)
                    family.child(*labels).add(value - before)
                    self._gauges[worker][name, labels] = value
                elif isinstance(family, Histogram) and isfinite(value):
                    family.child(*labels).grow(counts, value)
            except (MetricError, ValueError):  # another number of labels, or of buckets
                continue

    def gone(self, worker: int) -> None:
        """A process has ended: its gauges count no more, all else stays."""
        gauges = {family.spec.name: family for family in self._manager.families()}
        for (name, labels), value in self._gauges.pop(worker, {}).items():
            family = gauges.get(name)
            if isinstance(family, Gauge):
                family.child(*labels).add(-value)
