"""The metrics as text, in Prometheus' and in the OpenMetrics form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric as Family,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from event_system.metrics.manager import Counter, Gauge, Histogram, MetricsManager


class _Snapshot(Collector):
    """What was true at one moment, for another thread to format."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Family]:
        yield from self._families


def snapshot(manager: MetricsManager, accept: str) -> Callable[[], tuple[str, bytes]]:
    """Copy all values now; the answer, called in any thread, gives content type and text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(_families(manager)))
    encode, content_type = choose_encoder(accept)
    return lambda: (content_type, encode(registry))


def _families(manager: MetricsManager) -> Iterator[Family]:
    for name, (help_, read) in manager.functions.items():
        yield GaugeMetricFamily(name, help_, value=read())
    for metric in manager.metrics.values():
        yield _family(metric.kind, metric.name, metric.help, metric.labels, metric.children)


def _family(kind: str, name: str, help_: str, labels: tuple[str, ...], children: object) -> Family:
    found = dict(children) if isinstance(children, dict) else {}
    if kind == "counter":
        counter = CounterMetricFamily(name, help_, labels=labels)
        for values, child in found.items():
            counter.add_metric(values, child.value if isinstance(child, Counter) else 0)
        return counter
    if kind == "gauge":
        gauge = GaugeMetricFamily(name, help_, labels=labels)
        for values, child in found.items():
            gauge.add_metric(values, child.value if isinstance(child, Gauge) else 0)
        return gauge
    histogram = HistogramMetricFamily(name, help_, labels=labels)
    for values, child in found.items():
        if isinstance(child, Histogram):
            histogram.add_metric(values, _buckets(child), child.total)
    return histogram


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    cumulated, buckets = 0, []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        cumulated += count
        buckets.append(("+Inf" if bound == float("inf") else repr(float(bound)), float(cumulated)))
    return buckets
