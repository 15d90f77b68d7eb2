"""The register of all metrics of a node."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, TypeVar

from event_system.kernel.errors import MetricError
from event_system.metrics.children import CounterChild, GaugeChild
from event_system.metrics.families import (
    AnyFamily,
    Counter,
    Function,
    Gauge,
    Histogram,
    Labels,
    Limit,
    Spec,
    Values,
)
from event_system.metrics.names import check_bounds, check_names, claimed, family_name

MAX_CHILDREN = 1000
DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_F = TypeVar("_F", Counter, Gauge, Histogram, Function)
_log = logging.getLogger(__name__)


class MetricsManager:
    """Registers metrics and changes them by name or, on hot paths, through their children.

    All of it is for the event loop's thread. From another thread:
    `loop.call_soon_threadsafe(manager.increment_counter, "my_total", 1)`.
    """

    def __init__(self, max_children: int = MAX_CHILDREN) -> None:
        self._families: dict[str, AnyFamily] = {}
        self._claimed: dict[str, str] = {}
        self._max_children = max_children
        self._folded = self.register_counter(
            "metrics_labels_folded_total",
            "Look-ups of label sets past their metric's limit, folded into __other__.",
            "metric",
        )
        self._failed = self.register_counter(
            "metrics_callback_errors_total",
            "Times that a metric's function raised when it was asked for values.",
            "metric",
        )

    # Registration

    def register_counter(self, name: str, help: str, *labels: str) -> Counter:
        """A new counter; its samples end in `_total`, whether `name` does or not.

        Like the other registrations, raises `MetricError` for names that Prometheus does not
        take and for those that are taken.
        """
        spec = Spec(name, "counter", help, labels)
        return self._register(Counter(spec, CounterChild, self._limit(name)))

    def register_gauge(self, name: str, help: str, *labels: str) -> Gauge:
        spec = Spec(name, "gauge", help, labels)
        return self._register(Gauge(spec, GaugeChild, self._limit(name)))

    def register_histogram(
        self, name: str, help: str, *labels: str, buckets: Sequence[float] = DEFAULT_BUCKETS
    ) -> Histogram:
        """A new histogram; `buckets` are its rising upper bounds."""
        spec = Spec(name, "histogram", help, labels)
        return self._register(Histogram(spec, check_bounds(name, buckets), self._limit(name)))

    def register_gauge_function(self, name: str, help: str, fn: Callable[[], float]) -> None:
        """A gauge whose value `fn` tells at each scrape, on the loop: it has to be quick."""
        self.register_function("gauge", name, help, (), lambda: {(): fn()})

    def register_function(
        self,
        kind: Literal["gauge", "counter"],
        name: str,
        help: str,
        labels: Sequence[str],
        fn: Callable[[], Mapping[Labels, float]],
    ) -> None:
        """The same with labels: `fn` tells a value for each tuple of label values."""
        spec = Spec(name, kind, help, tuple(labels))
        self._register(Function(spec, fn, self._limit(name)))

    def _limit(self, name: str) -> Limit:
        return Limit(self._max_children, partial(self._count_folded, name))

    def _count_folded(self, name: str) -> None:
        if name != self._folded.spec.name:
            self._folded.child(name).add(1)

    def _register(self, family: _F) -> _F:
        spec = family.spec
        check_names(spec.name, spec.kind, spec.labels)
        names = list(claimed(spec.name, spec.kind))
        for name in names:
            if name in self._claimed:
                raise MetricError(
                    f"{spec.name} would use the name {name}, which {self._claimed[name]} has",
                    where=spec.name,
                )
        self._claimed.update(dict.fromkeys(names, spec.name))
        self._families[family_name(spec.name, spec.kind)] = family
        return family

    # Values by name

    def increment_counter(self, name: str, value: float, *labels: str) -> None:
        """Raises `MetricError` for an unknown name, wrong labels, an amount below 0."""
        if not 0 <= value < math.inf:
            raise MetricError(f"the counter {name} cannot grow by {value}", where=name)
        self._find(name, Counter).child(*labels).add(value)

    def set_gauge(self, name: str, value: float, *labels: str) -> None:
        """Raises `MetricError` for an unknown name or wrong labels."""
        self._find(name, Gauge).child(*labels).set(float(value))

    def observe_histogram(self, name: str, value: float, *labels: str) -> None:
        """Raises `MetricError` for an unknown name, wrong labels, NaN and infinities."""
        if not math.isfinite(value):
            raise MetricError(f"the histogram {name} cannot take {value}", where=name)
        self._find(name, Histogram).child(*labels).observe(value)

    def _find(self, name: str, kind: type[_F]) -> _F:
        wanted = kind.__name__.lower()
        family = self._families.get(family_name(name, wanted))
        if isinstance(family, kind):
            return family
        raise MetricError(f"no {wanted} called {name} is registered", where=name)

    # Looking

    def __contains__(self, name: str) -> bool:
        """Whether a sample or metric name is taken."""
        return name in self._claimed

    def specs(self) -> list[Spec]:
        """All metrics, ordered by name."""
        return sorted((family.spec for family in self._families.values()), key=lambda s: s.name)

    def collect(self) -> list[Values]:
        """All values now, in the order of registration; a function that fails is left out."""
        found = (self._collect(family) for family in self._families.values())
        return [values for values in found if values is not None]

    def _collect(self, family: AnyFamily) -> Values | None:
        try:
            return family.collect()
        except Exception as error:  # noqa: BLE001 - one broken function costs one metric
            name = family.spec.name
            failures = self._failed.child(name)
            failures.add(1)
            if failures.value == 1:
                _log.warning("the function of the metric %s failed", name, exc_info=error)
            return None
