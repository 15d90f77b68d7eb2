"""Registries of `prometheus_client`: shown with ours, and shown ours."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Metric
from prometheus_client import generate_latest as library_text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.registry import Collector

from event_system.metrics.exposition import render
from event_system.metrics.manager import MetricsManager

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


@pytest.fixture
def manager() -> MetricsManager:
    manager = MetricsManager()
    manager.register_counter("logins_total", "Logins.", "server").child("eu").add(3)
    manager.register_gauge("players", "Players.").child().set(2.5)
    histogram = manager.register_histogram("load_seconds", "Load.", buckets=(0.1, 1)).child()
    histogram.observe_many([0.05, 7])
    manager.register_summary("wait_seconds", "Wait.", quantiles=(0.5,)).child().observe(4)
    return manager


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    gauge = Gauge("wide", "Wide \\ and\nlong.", ["at"], registry=registry)
    for at in range(200):
        gauge.labels(str(at)).set(at)
    Counter("calls", "Calls.", registry=registry).inc(2, exemplar={"trace_id": "ab"})
    Info("build", "Build.", registry=registry).info({"version": "1"})
    Enum("mode", "Mode.", states=["a", "b"], registry=registry).state("b")
    Histogram("took_seconds", "Took.", buckets=(1, 2), registry=registry).observe(1.5)
    return registry


def samples(metrics: list[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for m in metrics for s in m.samples}


def without_created(found: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> set[object]:
    return {item for item in found.items() if not item[0][0].endswith("_created")}


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_an_included_registry_is_written_whole(
    manager: MetricsManager, registry: CollectorRegistry, accept: str
) -> None:
    manager.include(registry)

    text = render(manager, accept)[1].decode()

    read = read_openmetrics if accept else read_text
    found = samples(list(read(text)))
    assert without_created(samples(list(read_text(library_text(registry).decode())))) <= set(
        found.items()
    )
    assert found["logins_total", (("server", "eu"),)] == 3
    assert text.count("# TYPE wide gauge") == 1
    assert "_created" not in text


def test_an_included_registry_is_among_the_samples(
    manager: MetricsManager, registry: CollectorRegistry
) -> None:
    manager.include(registry)

    found = dict(manager.samples())

    assert found["calls_total", ()] == 2
    assert found["mode", (("mode", "b"),)] == 1
    assert found["players", ()] == 2.5


def test_ours_can_be_registered_with_the_library(manager: MetricsManager) -> None:
    registry = CollectorRegistry()
    registry.register(manager.as_collector())

    found = samples(list(read_text(library_text(registry).decode())))

    assert found == dict(manager.samples())


def test_two_that_show_each_other_do_not_go_in_circles(manager: MetricsManager) -> None:
    registry = CollectorRegistry()
    registry.register(manager.as_collector())
    manager.include(registry)

    text = render(manager)[1].decode()

    assert text.count("# TYPE players gauge") == 1


class Broken(Collector):
    def collect(self) -> list[Metric]:
        raise OSError("gone")


def test_a_registry_that_fails_costs_its_own_metrics_only(
    manager: MetricsManager, registry: CollectorRegistry
) -> None:
    manager.include(Broken())
    manager.include(registry)

    list(manager.samples())
    found = dict(manager.samples())

    assert found["calls_total", ()] == 2
    assert found["metrics_callback_errors_total", (("metric", "Broken"),)] == 1


def test_a_name_that_is_taken_stays_with_who_had_it_first(manager: MetricsManager) -> None:
    registry = CollectorRegistry()
    Gauge("players", "Others.", registry=registry).set(9)
    Gauge("load_seconds_count", "Others.", registry=registry).set(9)
    manager.include(registry)

    text = render(manager, OPENMETRICS)[1].decode()

    assert "\nplayers 2.5\n" in text
    assert dict(manager.samples())["metrics_callback_errors_total", (("metric", "players"),)] >= 1
