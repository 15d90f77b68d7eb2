"""Metrics as Prometheus and OpenMetrics text."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.utils import floatToGoString

from event_system.metrics.families import Values
from event_system.metrics.manager import MetricsManager

GZIP_LEVEL = 4


@dataclass(frozen=True, slots=True)
class Exposition:
    """A body and what to say of it; `encoding` is `gzip` or None."""

    content_type: str
    encoding: str | None
    body: bytes


async def render(
    manager: MetricsManager, accept: str = "", accept_encoding: str = ""
) -> Exposition:
    """All metrics now, in the form that the two request headers ask for.

    The values are copied on the loop; formatting, which takes far longer, is done in a thread.
    """
    values = manager.collect()
    return await asyncio.to_thread(expose, values, accept, accept_encoding)


def expose(values: Sequence[Values], accept: str, accept_encoding: str) -> Exposition:
    """The same for values that were collected before. Pure."""
    try:
        encode, content_type = choose_encoder(accept)
    except TypeError:  # a version that is no number
        encode, content_type = choose_encoder("")
    body = encode(_Collected(values))
    if gzip_accepted(accept_encoding):
        return Exposition(content_type, "gzip", gzip.compress(body, GZIP_LEVEL, mtime=0))
    return Exposition(content_type, None, body)


class _Collected:
    """What the library's encoders take for a registry."""

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
