"""Counters, gauges and histograms, fast enough for the hot path.

Used on the event loop's thread; another thread must hand its numbers over. A metric with
labels has at most `MAX_CHILDREN` label values: further ones are counted under `__other__`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from event_system.kernel.errors import MetricError

MAX_CHILDREN = 1_000
OTHER = "__other__"
SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, amount: float = 1) -> None:
        self.value += amount


class Gauge:
    """A number that is set."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        self.value = value


class Histogram:
    """How observations are spread over buckets; `counts` are per bucket, not cumulated."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_many(self, values: Iterable[float]) -> None:
        bounds, counts = self.bounds, self.counts
        total = 0.0
        for value in values:
            counts[bisect_left(bounds, value)] += 1
            total += value
        self.total += total


Child = TypeVar("Child", Counter, Gauge, Histogram)


class Metric(Generic[Child]):
    """One name with its children by label values."""

    def __init__(
        self,
        kind: str,
        name: str,
        help_: str,
        labels: tuple[str, ...],
        make: Callable[[], Child],
        folded: Callable[[], None],
    ) -> None:
        self.kind = kind
        self.name = name
        self.help = help_
        self.labels = labels
        self.children: dict[tuple[str, ...], Child] = {}
        self._make = make
        self._folded = folded

    def child(self, *values: str) -> Child:
        """The child of these label values; keep it where it is used often."""
        found = self.children.get(values)
        return found if found is not None else self._new(values)

    def _new(self, values: tuple[str, ...]) -> Child:
        if len(values) != len(self.labels):
            raise MetricError(f"{self.name} has labels {self.labels}, not {len(values)} values")
        if len(self.children) >= MAX_CHILDREN:
            self._folded()
            values = (OTHER,) * len(values)
        return self.children.setdefault(values, self._make())


class MetricsManager:
    """Every metric of the node, by name."""

    def __init__(self) -> None:
        self.metrics: dict[str, Metric[Counter] | Metric[Gauge] | Metric[Histogram]] = {}
        self.functions: dict[str, tuple[str, Callable[[], float]]] = {}
        self._folded = self.register_counter(
            "metrics_labels_folded_total", "Label values counted under __other__."
        )

    def register_counter(self, name: str, help_: str, *labels: str) -> Metric[Counter]:
        metric = Metric("counter", self._free(name, labels), help_, labels, Counter, self._fold)
        self.metrics[name] = metric
        return metric

    def register_gauge(self, name: str, help_: str, *labels: str) -> Metric[Gauge]:
        metric = Metric("gauge", self._free(name, labels), help_, labels, Gauge, self._fold)
        self.metrics[name] = metric
        return metric

    def register_histogram(
        self, name: str, help_: str, *labels: str, buckets: Sequence[float] = SECONDS
    ) -> Metric[Histogram]:
        if list(buckets) != sorted(set(buckets)):
            raise MetricError(f"the buckets of {name} must rise")
        make = lambda: Histogram(buckets)  # noqa: E731 - one expression
        metric = Metric("histogram", self._free(name, labels), help_, labels, make, self._fold)
        self.metrics[name] = metric
        return metric

    def register_gauge_function(self, name: str, help_: str, read: Callable[[], float]) -> None:
        """A gauge whose value is asked for at each scrape, on the event loop."""
        self.functions[self._free(name, ())] = (help_, read)

    def increment_counter(self, name: str, value: float, *labels: str) -> None:
        """Add to a counter by name; a negative value is refused."""
        if value < 0:
            raise MetricError(f"{name} is a counter and cannot fall")
        self._child(name, "counter", Counter, labels).add(value)

    def set_gauge(self, name: str, value: float, *labels: str) -> None:
        self._child(name, "gauge", Gauge, labels).set(value)

    def observe_histogram(self, name: str, value: float, *labels: str) -> None:
        self._child(name, "histogram", Histogram, labels).observe(value)

    def _child(self, name: str, kind: str, type_: type[Child], labels: tuple[str, ...]) -> Child:
        metric = self.metrics.get(name)
        if metric is None or metric.kind != kind:
            raise MetricError(f"no {kind} is called {name!r}")
        child = metric.child(*labels)
        if not isinstance(child, type_):
            raise MetricError(f"{name!r} is no {kind}")
        return child

    def _free(self, name: str, labels: tuple[str, ...]) -> str:
        if not _NAME.fullmatch(name):
            raise MetricError(f"{name!r} is no metric name")
        if not all(_LABEL.fullmatch(label) for label in labels) or len(set(labels)) < len(labels):
            raise MetricError(f"{name} cannot have the labels {labels}")
        if name in self.metrics or name in self.functions:
            raise MetricError(f"{name} is registered already")
        return name

    def _fold(self) -> None:
        self._folded.child().add()
