"""Metrics: a name, its meaning, its labels, and one child for each set of label values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from threading import RLock
from typing import Generic, TypeAlias, TypeVar, overload

from prometheus_client.utils import floatToGoString

from event_system.kernel.errors import MetricError
from event_system.metrics.children import CounterChild, Exemplar, GaugeChild, HistogramChild
from event_system.metrics.names import family_name, sample_name
from event_system.metrics.quantiles import SummaryChild
from event_system.metrics.series import Key, Labels, Part, SeriesNames

FOLDED = "__other__"
"""The label value that stands for all label sets past a metric's limit."""

Child = TypeVar("Child", CounterChild, GaugeChild, HistogramChild, SummaryChild)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a metric is called and means. `name` is as registered, `kind` Prometheus' word."""

    name: str
    kind: str
    help: str
    labels: Labels
    exact: bool = False
    """Of counters: samples have just this name, without the suffix `_total`."""

    @property
    def family(self) -> str:
        """The name without the suffix that a counter's samples have anyway."""
        return self.name if self.exact else family_name(self.name, self.kind)

    @property
    def sample(self) -> str:
        """The name under which it is queried: counters end in `_total`."""
        return self.name if self.exact else sample_name(self.name, self.kind)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many label sets a metric may have; `folded` is told of each look-up past that."""

    children: int
    folded: Callable[[], None]
    lock: RLock = field(default_factory=RLock)
    """Held while a child is made or all are looked at; changing a child needs none."""


@dataclass(frozen=True, slots=True)
class Values:
    """One metric's values at one moment.

    A row is a label set and a value for each series of it, in the order of `names`: one for
    counters and gauges; buckets, count and sum for histograms; quantiles, count and sum for
    summaries, whose rows are made when they are looked at.
    """

    spec: Spec
    names: SeriesNames
    rows: Sequence[tuple[Labels, Sequence[float]]]
    exemplars: Mapping[Labels, Mapping[int, Exemplar]] = field(default_factory=dict)
    """Of histograms, by the place of the value in the row."""

    def samples(self) -> Iterator[tuple[Key, float]]:
        """All values by their series."""
        of = self.names.of
        for labels, values in self.rows:
            yield from zip(of(labels).keys, values, strict=True)


class Family(Generic[Child]):
    """A metric with its children. `child` is the way to a handle for the hot path."""

    def __init__(
        self, spec: Spec, parts: Sequence[Part], make: Callable[[], Child], limit: Limit
    ) -> None:
        self.spec = spec
        self.names = SeriesNames(spec.labels, parts)
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
        with self._limit.lock:
            if (found := self._children.get(labels)) is not None:
                return found  # another thread was faster
            if self._room <= 0:
                self._limit.folded()
                return self._children.setdefault((FOLDED,) * len(labels), self._make())
            self._room -= 1
            child = self._children[labels] = self._make()
            return child

    def children(self) -> list[Child]:
        """Those that there are."""
        return [child for _, child in self.items()]

    def items(self) -> list[tuple[Labels, Child]]:
        """The same with their label values."""
        with self._limit.lock:
            return list(self._children.items())


class Counter(Family[CounterChild]):
    """A total by label set."""

    def __init__(self, spec: Spec, limit: Limit) -> None:
        super().__init__(spec, _plain(spec), CounterChild, limit)

    def collect(self) -> Values:
        rows = [(labels, (child.value,)) for labels, child in self.items()]
        return Values(self.spec, self.names, rows)


class Gauge(Family[GaugeChild]):
    """A current value by label set."""

    def __init__(self, spec: Spec, limit: Limit) -> None:
        super().__init__(spec, _plain(spec), GaugeChild, limit)

    def collect(self) -> Values:
        rows = [(labels, (child.value,)) for labels, child in self.items()]
        return Values(self.spec, self.names, rows)


class Histogram(Family[HistogramChild]):
    """A distribution by label set."""

    def __init__(self, spec: Spec, bounds: tuple[float, ...], limit: Limit) -> None:
        super().__init__(spec, _buckets(spec, bounds), lambda: HistogramChild(bounds), limit)

    def collect(self) -> Values:
        children = self.items()
        rows = [(labels, _distribution(child)) for labels, child in children]
        exemplars = {at: child.exemplars.copy() for at, child in children if child.exemplars}
        return Values(self.spec, self.names, rows, exemplars)


def _plain(spec: Spec) -> list[Part]:
    return [Part(spec.sample)]


def _buckets(spec: Spec, bounds: tuple[float, ...]) -> list[Part]:
    upper = [*map(floatToGoString, bounds), "+Inf"]
    parts = [Part(f"{spec.name}_bucket", (("le", bound),)) for bound in upper]
    return [*parts, Part(f"{spec.name}_count"), Part(f"{spec.name}_sum")]


def _distribution(child: HistogramChild) -> list[float]:
    row: list[float] = list(accumulate(child.counts))
    row += (row[-1], child.sum)
    return row


class Summary(Family[SummaryChild]):
    """Quantiles of the last minutes by label set."""

    def __init__(
        self,
        spec: Spec,
        quantiles: tuple[float, ...],
        make: Callable[[], SummaryChild],
        limit: Limit,
    ) -> None:
        named = [(("quantile", bound),) for bound in map(floatToGoString, quantiles)]
        parts = [Part(spec.name, extra) for extra in named]
        parts += [Part(f"{spec.name}_count"), Part(f"{spec.name}_sum")]
        super().__init__(spec, parts, make, limit)
        self.quantiles = quantiles

    def collect(self) -> Values:
        return Values(self.spec, self.names, _SummaryRows(self.items(), self.quantiles))


class _SummaryRows(Sequence[tuple[Labels, Sequence[float]]]):
    """Makes a row when it is looked at: one takes as long as a hundred of other metrics."""

    def __init__(
        self, children: Sequence[tuple[Labels, SummaryChild]], quantiles: tuple[float, ...]
    ) -> None:
        self._children = children
        self._quantiles = quantiles

    def __len__(self) -> int:
        return len(self._children)

    @overload
    def __getitem__(self, at: int) -> tuple[Labels, Sequence[float]]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[tuple[Labels, Sequence[float]]]: ...
    def __getitem__(
        self, at: int | slice
    ) -> tuple[Labels, Sequence[float]] | Sequence[tuple[Labels, Sequence[float]]]:
        if isinstance(at, slice):
            return _SummaryRows(self._children[at], self._quantiles)
        labels, child = self._children[at]
        return labels, (*child.quantiles(self._quantiles), child.count, child.sum)


class Function:
    """A gauge or counter that is kept elsewhere and asked for its values at each scrape."""

    def __init__(
        self, spec: Spec, read: Callable[[], Mapping[Labels, float]], limit: Limit
    ) -> None:
        self.spec = spec
        self.names = SeriesNames(spec.labels, _plain(spec))
        self._read = read
        self._limit = limit

    def collect(self) -> Values:
        """Values past the limit are added up. Raises what the function raises."""
        found, room = self._read(), self._limit.children
        rows = [(tuple(map(_clean, at)), (float(value),)) for at, value in found.items()]
        if len(rows) > room:
            self._limit.folded()
            other = (FOLDED,) * len(self.spec.labels)
            rows[room:] = [(other, (sum(value for _, (value,) in rows[room:]),))]
        return Values(self.spec, self.names, rows)


class Distributions:
    """A histogram that is kept elsewhere and asked for its values at each scrape."""

    def __init__(
        self,
        spec: Spec,
        bounds: tuple[float, ...],
        read: Callable[[], Mapping[Labels, HistogramChild]],
    ) -> None:
        self.spec = spec
        self.names = SeriesNames(spec.labels, _buckets(spec, bounds))
        self._read = read

    def collect(self) -> Values:
        rows = [(labels, _distribution(child)) for labels, child in self._read().items()]
        return Values(self.spec, self.names, rows)


AnyFamily: TypeAlias = Counter | Gauge | Histogram | Summary | Function | Distributions


def _clean(value: str) -> str:
    """A label value that can be written as UTF-8."""
    return str(value).encode(errors="replace").decode()
