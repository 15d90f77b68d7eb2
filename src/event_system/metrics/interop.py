"""The neighbours of `prometheus_client`: its collectors shown with ours, ours shown with its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest as plain_text
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.openmetrics.exposition import generate_latest as open_text
from prometheus_client.samples import Sample

from event_system.metrics.families import Spec, Values
from event_system.metrics.names import claimed
from event_system.metrics.series import Key

STEP: Final = 40
"""Samples that are written in one go; the library takes 20 µs for each."""
_MADE: Final = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
    "summary": SummaryMetricFamily,
    "unknown": UnknownMetricFamily,
}


class ForeignCollector(Protocol):
    """A registry or collector of `prometheus_client`."""

    def collect(self) -> Iterable[Metric]: ...


class Foreign:
    """A metric that `prometheus_client` keeps. `_created` series are left out."""

    __slots__ = ("_metric", "spec")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
        self.spec = Spec(metric.name, metric.type, metric.documentation, ())

    def samples(self) -> Iterator[tuple[Key, float]]:
        for sample in self._metric.samples:
            yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value

    def names(self) -> set[str]:
        """All that another metric must not be called."""
        kind = self.spec.kind
        known = kind if kind in _MADE and kind != "unknown" else "gauge"
        return {*claimed(self.spec.name, known), *(s.name for s in self._metric.samples)}

    def written(self, *, is_open: bool) -> Iterator[str]:
        """The metric's text in pieces."""
        metric, samples = self._metric, self._metric.samples
        step = len(samples) if metric.type == "gaugehistogram" else STEP
        for start in range(0, max(len(samples), 1), step or 1):
            piece = _One(_part(metric, samples[start : start + step]))
            text = (open_text if is_open else plain_text)(piece).decode()
            lines = text.removesuffix("# EOF\n").splitlines(keepends=True)
            yield "".join(line for line in lines if start == 0 or not line.startswith("# "))


def _part(metric: Metric, samples: list[Sample]) -> Metric:
    part = Metric(metric.name, metric.documentation, metric.type, metric.unit)
    part.samples = samples
    return part


class _One:
    """What the library's encoders take for a registry."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return [self._metric]


class OwnCollector:
    """Our metrics for a registry of `prometheus_client`, whose `register` takes it."""

    def __init__(self, own: Callable[[], Iterable[Values]]) -> None:
        self._own = own

    def collect(self) -> Iterator[Metric]:
        """Those that another registry brought in are not among them."""
        return map(_metric, self._own())

    def describe(self) -> Iterator[Metric]:
        return self.collect()


def _metric(values: Values) -> Metric:
    spec = values.spec
    metric: Metric = _MADE["unknown" if spec.exact else spec.kind](spec.family, spec.help)
    for (name, labels), value in values.samples():
        metric.add_sample(name, dict(labels), value)
    return metric
