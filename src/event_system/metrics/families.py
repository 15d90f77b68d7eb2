"""Metrics: a name, its meaning, its labels, and one child for each set of label values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from event_system.kernel.errors import MetricError
from event_system.metrics.children import CounterChild, GaugeChild, HistogramChild

FOLDED = "__other__"
"""The label value that stands for all label sets past a metric's limit."""

Labels: TypeAlias = tuple[str, ...]
Child = TypeVar("Child", CounterChild, GaugeChild, HistogramChild)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a metric is called and means. `name` is as registered, `kind` Prometheus' word."""

    name: str
    kind: str
    help: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Limit:
    """How many label sets a metric may have; `folded` is told of each look-up past that."""

    children: int
    folded: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Values:
    """One metric's values at one moment: of counters and gauges, or of histograms.

    A histogram's entry is (labels, counts by bucket, sum); `bounds` are its buckets'.
    """

    spec: Spec
    plain: Sequence[tuple[Labels, float]] = ()
    distributions: Sequence[tuple[Labels, list[int], float]] = ()
    bounds: tuple[float, ...] = ()


class Family(Generic[Child]):
    """A metric with its children. `child` is the way to a handle for the hot path."""

    def __init__(self, spec: Spec, make: Callable[[], Child], limit: Limit) -> None:
        self.spec = spec
        self._make: Callable[[], Child] = make
        self._limit = limit
        self._children: dict[Labels, Child] = {}
        self._room = limit.children
        if not spec.labels:
            self._children[()] = make()

    def child(self, *labels: str) -> Child:
        """The child of these label values, in the order of the metric's labels.

        Keep it where the hot path needs it. Past the limit of label sets all new ones share
        the child whose label values are `__other__`. Raises `MetricError`.
        """
        found = self._children.get(labels)
        return self._other(labels) if found is None else found

    def _other(self, labels: Labels) -> Child:
        cleaned = tuple(_clean(value) for value in labels)
        if len(cleaned) != len(self.spec.labels):
            raise MetricError(
                f"{self.spec.name} has the labels {list(self.spec.labels)}, not values for "
                f"{len(cleaned)}",
                where=self.spec.name,
            )
        found = self._children.get(cleaned)
        return self._new(cleaned) if found is None else found

    def _new(self, labels: Labels) -> Child:
        if self._room <= 0:
            self._limit.folded()
            return self._children.setdefault((FOLDED,) * len(labels), self._make())
        self._room -= 1
        child = self._children[labels] = self._make()
        return child


class Counter(Family[CounterChild]):
    """A total by label set."""

    def collect(self) -> Values:
        rows = [(labels, child.value) for labels, child in self._children.items()]
        return Values(self.spec, rows)


class Gauge(Family[GaugeChild]):
    """A current value by label set."""

    def collect(self) -> Values:
        rows = [(labels, child.value) for labels, child in self._children.items()]
        return Values(self.spec, rows)


class Histogram(Family[HistogramChild]):
    """A distribution by label set."""

    def __init__(self, spec: Spec, bounds: tuple[float, ...], limit: Limit) -> None:
        super().__init__(spec, lambda: HistogramChild(bounds), limit)
        self.bounds = bounds

    def collect(self) -> Values:
        rows = [(at, child.counts[:], child.sum) for at, child in self._children.items()]
        return Values(self.spec, distributions=rows, bounds=self.bounds)


class Function:
    """A gauge or counter that is kept elsewhere and asked for its values at each scrape."""

    def __init__(
        self, spec: Spec, read: Callable[[], Mapping[Labels, float]], limit: Limit
    ) -> None:
        self.spec = spec
        self._read = read
        self._limit = limit

    def collect(self) -> Values:
        """Values past the limit are added up. Raises what the function raises."""
        found, room = self._read(), self._limit.children
        rows = [(tuple(map(_clean, at)), float(value)) for at, value in found.items()]
        if len(rows) > room:
            self._limit.folded()
            other = (FOLDED,) * len(self.spec.labels)
            rows[room:] = [(other, sum(value for _, value in rows[room:]))]
        return Values(self.spec, rows)


AnyFamily: TypeAlias = Counter | Gauge | Histogram | Function


def _clean(value: str) -> str:
    """A label value that can be written as UTF-8."""
    return str(value).encode(errors="replace").decode()
