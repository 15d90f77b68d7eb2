"""Metrics as Prometheus and OpenMetrics text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.utils import floatToGoString

from event_system.metrics.families import Values
from event_system.metrics.manager import MetricsManager


def render(manager: MetricsManager, accept: str = "") -> tuple[str, bytes]:
    """All metrics now, in the form that an Accept header asks for: content type and text."""
    return write(manager.collect(), accept)


def write(values: Iterable[Values], accept: str = "") -> tuple[str, bytes]:
    """The same for values that were collected before. Pure, for any thread."""
    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number
        encode, content_type = choose_encoder("")
    return content_type, encode(_Collected(values))


class _Collected:
    """What the library's encoders take for a registry; only those add `_created` series."""

    def __init__(self, values: Iterable[Values]) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        return map(_metric, self._values)


def _metric(values: Values) -> Metric:
    spec = values.spec
    if spec.kind == "histogram":
        return _histogram(values)
    made = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
    metric = made(spec.name, spec.help, labels=spec.labels)
    for labels, value in values.plain:
        metric.add_metric(labels, value)
    return metric


def _histogram(values: Values) -> HistogramMetricFamily:
    spec = values.spec
    metric = HistogramMetricFamily(spec.name, spec.help, labels=spec.labels)
    bounds = [*map(floatToGoString, values.bounds), "+Inf"]
    for labels, counts, total in values.distributions:
        metric.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
    return metric
