"""The register of all metrics of a node."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from threading import RLock
from typing import Literal, TypeAlias, TypeVar

from event_system.kernel.clock import Clock, SystemClock
from event_system.kernel.errors import MetricError
from event_system.metrics.children import HistogramChild
from event_system.metrics.families import (
    AnyFamily,
    Counter,
    Distributions,
    Function,
    Gauge,
    Histogram,
    Limit,
    Spec,
    Summary,
    Values,
)
from event_system.metrics.interop import Foreign, ForeignCollector, OwnCollector
from event_system.metrics.names import (
    check_bounds,
    check_names,
    check_quantiles,
    claimed,
    family_name,
)
from event_system.metrics.quantiles import SummaryChild
from event_system.metrics.series import Key, Labels

MAX_CHILDREN = 1000
DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

DEFAULT_QUANTILES = (0.5, 0.9, 0.95, 0.99)
WINDOW_SECONDS = 300.0

Collected: TypeAlias = Values | Foreign
_F = TypeVar("_F", Counter, Gauge, Histogram, Summary, Function, Distributions)
_log = logging.getLogger(__name__)


class MetricsManager:
    """Registers metrics and changes them by name or, on hot paths, through their children.

    Changes may come from any thread and are never lost; looking is for one thread, the event
    loop's. A metric has `max_children` label sets at most.
    """

    def __init__(self, max_children: int = MAX_CHILDREN, clock: Clock | None = None) -> None:
        self._monotonic = (clock or SystemClock()).monotonic
        self._lock = RLock()
        self._included: list[ForeignCollector] = []
        self._reserved: tuple[str, ...] = ()
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
        self._odd = self.register_counter(
            "metrics_not_a_number_total", "Times that a gauge was set to NaN.", "metric"
        )

    # Registration

    def register_counter(self, name: str, help: str, *labels: str, exact: bool = False) -> Counter:
        """A new counter; its samples end in `_total`, whether `name` does or not.

        With `exact` they have just the name, and in OpenMetrics, where a counter cannot do
        without the suffix, the type `unknown`.
        Like the other registrations, raises `MetricError` for names that Prometheus does not
        take and for those that are taken.
        """
        spec = Spec(name, "counter", help, labels, exact)
        return self._register(Counter(spec, self._limit(name)))

    def register_gauge(self, name: str, help: str, *labels: str) -> Gauge:
        spec = Spec(name, "gauge", help, labels)
        return self._register(Gauge(spec, self._limit(name)))

    def register_histogram(
        self, name: str, help: str, *labels: str, buckets: Sequence[float] = DEFAULT_BUCKETS
    ) -> Histogram:
        """A new histogram; `buckets` are its rising upper bounds."""
        spec = Spec(name, "histogram", help, labels)
        return self._register(Histogram(spec, check_bounds(name, buckets), self._limit(name)))

    def register_summary(
        self,
        name: str,
        help: str,
        *labels: str,
        quantiles: Sequence[float] = DEFAULT_QUANTILES,
        window_seconds: float = WINDOW_SECONDS,
    ) -> Summary:
        """A new summary; its quantiles are those of the values of the last `window_seconds`."""
        spec = Spec(name, "summary", help, labels)
        if not 0 < window_seconds < math.inf:
            raise MetricError(f"the window of {name} has to be above 0 s", where=name)
        make = partial(SummaryChild, window_seconds, self._monotonic)
        return self._register(
            Summary(spec, check_quantiles(name, quantiles), make, self._limit(name))
        )

    def include(self, registry: ForeignCollector) -> None:
        """Show what a registry or collector of `prometheus_client` has, too.

        It is asked at each look, on the loop; where it fails, or has a name that is taken, that
        is left out and counted.
        """
        self._included.append(registry)

    def as_collector(self) -> OwnCollector:
        """These metrics for `prometheus_client`: `registry.register(manager.as_collector())`."""
        return OwnCollector(self._own)

    def reserve(self, prefixes: Sequence[str]) -> None:
        """From now on metrics whose names begin with one of these are refused."""
        self._reserved = tuple(prefixes)

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
        *,
        exact: bool = False,
    ) -> None:
        """The same with labels: `fn` tells a value for each tuple of label values."""
        spec = Spec(name, kind, help, tuple(labels), exact)
        self._register(Function(spec, fn, self._limit(name)))

    def register_distributions(
        self,
        name: str,
        help: str,
        labels: Sequence[str],
        fn: Callable[[], Mapping[Labels, HistogramChild]],
        *,
        buckets: Sequence[float],
    ) -> None:
        """A histogram that is kept elsewhere: `fn` tells a child for each tuple of label values."""
        spec = Spec(name, "histogram", help, tuple(labels))
        self._register(Distributions(spec, check_bounds(name, buckets), fn))

    def _limit(self, name: str) -> Limit:
        return Limit(self._max_children, partial(self._count_folded, name), self._lock)

    def _count_folded(self, name: str) -> None:
        if name != self._folded.spec.name:
            self._folded.child(name).add(1)

    def _register(self, family: _F) -> _F:
        spec = family.spec
        check_names(spec.name, spec.kind, spec.labels)
        if spec.name.startswith(self._reserved):
            raise MetricError(
                f"names like {spec.name} are kept for the node's own", where=spec.name
            )
        with self._lock:
            self._claim(spec)
            self._families[spec.family] = family
        return family

    def _claim(self, spec: Spec) -> None:
        names = list(claimed(spec.name, spec.kind, exact=spec.exact))
        for name in names:
            if name in self._claimed:
                raise MetricError(
                    f"{spec.name} would use the name {name}, which {self._claimed[name]} has",
                    where=spec.name,
                )
        self._claimed.update(dict.fromkeys(names, spec.name))

    # Values by name

    def increment_counter(self, name: str, value: float, *labels: str) -> None:
        """Raises `MetricError` for an unknown name, wrong labels, an amount below 0."""
        if not 0 <= value < math.inf:
            raise MetricError(f"the counter {name} cannot grow by {value}", where=name)
        self._find(name, Counter).child(*labels).add(value)

    def set_gauge(self, name: str, value: float, *labels: str) -> None:
        """Raises `MetricError` for an unknown name or wrong labels."""
        number = float(value)
        if math.isnan(number):
            self._odd.child(name).add(1)
        self._find(name, Gauge).child(*labels).set(number)

    def observe_histogram(self, name: str, value: float, *labels: str) -> None:
        """Raises `MetricError` for an unknown name, wrong labels, NaN and infinities."""
        if not math.isfinite(value):
            raise MetricError(f"the histogram {name} cannot take {value}", where=name)
        self._find(name, Histogram).child(*labels).observe(value)

    def observe_summary(self, name: str, value: float, *labels: str) -> None:
        """Raises `MetricError` for an unknown name, wrong labels, NaN and infinities."""
        if not math.isfinite(value):
            raise MetricError(f"the summary {name} cannot take {value}", where=name)
        self._find(name, Summary).child(*labels).observe(value)

    def _find(self, name: str, kind: type[_F]) -> _F:
        wanted = kind.__name__.lower()
        family = self._families.get(family_name(name, wanted)) or self._families.get(name)
        if isinstance(family, kind):
            return family
        raise MetricError(f"no {wanted} called {name} is registered", where=name)

    # Looking

    def __contains__(self, name: str) -> bool:
        """Whether a sample or metric name is taken."""
        return name in self._claimed

    def families(self) -> list[AnyFamily]:
        """All own metrics, with their children."""
        return list(self._families.values())

    def specs(self) -> list[Spec]:
        """All metrics, ordered by name."""
        return sorted((family.spec for family in self._families.values()), key=lambda s: s.name)

    def collect(self) -> list[Values]:
        """All own values now, in the order of registration; a function that fails is left out."""
        return list(self._own())

    def samples(self) -> Iterator[tuple[Key, float]]:
        """Every series' value now, as ((name, ((label, value), …)), number).

        Labels are ordered by their name, `le` and `quantile` among them; a series' key is the
        same object each time, so that what belongs to it can be kept in a dictionary. On the
        loop's thread; a caller with other things to do may stop anywhere and go on later, as a
        metric's values are those of the moment at which its first one is taken.
        """
        for values in self.each():
            yield from values.samples()

    def each(self) -> Iterator[Collected]:
        """All values, one metric after the other, each as it is when it is its turn."""
        yield from self._own()
        taken = set(self._claimed)
        for registry in self._included:
            yield from self._foreign(registry, taken)

    def _own(self) -> Iterator[Values]:
        for family in list(self._families.values()):
            if (values := self._collect(family)) is not None:
                yield values

    def _foreign(self, registry: ForeignCollector, taken: set[str]) -> Iterator[Foreign]:
        try:
            found = [Foreign(metric) for metric in registry.collect()]
        except Exception as error:  # noqa: BLE001 - one broken registry costs its own metrics
            self._count_failure(type(registry).__name__, error)
            return
        for metric in found:
            names = metric.names()
            if clash := names & taken:
                name = metric.spec.name
                self._count_failure(name, MetricError(f"taken: {sorted(clash)}", where=name))
            else:
                taken |= names
                yield metric

    def _collect(self, family: AnyFamily) -> Values | None:
        try:
            return family.collect()
        except Exception as error:  # noqa: BLE001 - one broken function costs one metric
            self._count_failure(family.spec.name, error)
            return None

    def _count_failure(self, name: str, error: Exception) -> None:
        failures = self._failed.child(name)
        failures.add(1)
        if failures.value == 1:
            _log.warning("the function of the metric %s failed", name, exc_info=error)
