"""Metrics that listeners' modules bring: the example, and modules that do it wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from event_system import Event, EventSystem, MetricsManager, collector, listener, register_metrics
from event_system.kernel.errors import MetricError
from tests.support.waiting import until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "metrics.py"


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_of_metrics", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def value(manager: MetricsManager, name: str, *labels: str) -> float | None:
    rows = ((key[0], tuple(v for _, v in key[1]), value) for key, value in manager.samples())
    return next((number for at, values, number in rows if (at, values) == (name, labels)), None)


async def test_the_example_counts_and_collects(tmp_path: Path) -> None:
    async with EventSystem(tmp_path, listeners=[example()]) as es:
        await es.trigger("player.login", subject="Mo")
        await es.trigger("player.login", subject="Mo")

        await until(lambda: value(es.metrics, "my_business_events_total", "player.login") == 2)
        await until(lambda: value(es.metrics, "my_custom_metric", "user_seconds") is not None)


async def test_a_listener_in_a_thread_gets_them_too(tmp_path: Path) -> None:
    @register_metrics
    def register(metrics: MetricsManager) -> None:
        metrics.register_counter("drawn_total", "Drawn.")

    @listener("player.*", name="draw")
    def draw(event: Event, metrics: MetricsManager) -> None:
        metrics.increment_counter("drawn_total", 1)

    async with EventSystem(tmp_path, listeners=[register, draw]) as es:
        await es.trigger("player.login")

        await until(lambda: value(es.metrics, "drawn_total") == 1)


@pytest.mark.parametrize("name", ["events_triggered_total", "chain_height", "no-name"])
async def test_a_registration_that_fails_harms_no_other(tmp_path: Path, name: str) -> None:
    called = []

    @register_metrics
    def bad(metrics: MetricsManager) -> None:
        metrics.register_gauge(name, "Bad.")

    @register_metrics
    def good(metrics: MetricsManager) -> None:
        called.append(metrics)

    @collector(interval_seconds=1000)
    async def collect(metrics: MetricsManager) -> None:
        called.append(metrics)

    async with EventSystem(tmp_path, listeners=[bad, good, collect]) as es:
        await until(lambda: len(called) == 2)
        assert called == [es.metrics] * 2
        assert (await es.trigger("player.login")).offset == 1


def test_a_collector_without_a_sensible_interval_is_refused() -> None:
    with pytest.raises(MetricError, match="cannot have 0 s"):
        collector(interval_seconds=0)(lambda metrics: None)
