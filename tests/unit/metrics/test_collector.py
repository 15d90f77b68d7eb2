"""Collectors: called at their interval, and none is another one's trouble."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator

import pytest

from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import MetricError
from event_system.metrics.collector import MetricsCollector
from event_system.metrics.manager import MetricsManager
from tests.support.waiting import PATIENCE_SECONDS, until


@pytest.fixture
def manager() -> MetricsManager:
    return MetricsManager()


@pytest.fixture
async def collector(manager: MetricsManager) -> AsyncIterator[MetricsCollector]:
    collector = MetricsCollector(manager, SystemClock(), interval_seconds=0.01)
    yield collector
    await collector.stop()


def value(manager: MetricsManager, name: str, **labels: str) -> float:
    return dict(manager.samples()).get((name, tuple(sorted(labels.items()))), 0)


async def counted(manager: MetricsManager, name: str, least: float, **labels: str) -> None:
    await until(lambda: value(manager, name, **labels) >= least)


async def test_functions_of_both_kinds_are_called_again_and_again(
    manager: MetricsManager, collector: MetricsCollector
) -> None:
    manager.register_counter("of_loop_total", "Calls.")
    manager.register_counter("of_thread_total", "Calls.")

    async def on_loop(metrics: MetricsManager) -> None:
        metrics.increment_counter("of_loop_total", 1)

    def in_thread(metrics: MetricsManager) -> None:
        assert threading.current_thread() is not threading.main_thread()
        metrics.increment_counter("of_thread_total", 1)

    collector.add_collector(on_loop)
    collector.start()
    collector.add_collector(in_thread)

    await counted(manager, "of_loop_total", 3)
    await counted(manager, "of_thread_total", 3)


def custom(stats: dict[str, float]) -> object:
    """The second example of the documents, in Python."""

    def collect(metrics: MetricsManager) -> None:
        if "my_custom_metric" not in metrics:
            metrics.register_gauge("my_custom_metric", "自定义指标", "label")
        for key, number in stats.items():
            metrics.set_gauge("my_custom_metric", number, key)

    return collect


async def test_a_collector_may_register_what_it_needs(
    manager: MetricsManager, collector: MetricsCollector
) -> None:
    collect = custom({"a": 1.0, "b": math.nan})
    collector.add_collector(collect, deadline_seconds=PATIENCE_SECONDS)  # type: ignore[arg-type]

    await collector.collect_once()
    await collector.collect_once()

    assert value(manager, "my_custom_metric", label="a") == 1
    assert math.isnan(value(manager, "my_custom_metric", label="b"))
    assert value(manager, "metrics_not_a_number_total", metric="my_custom_metric") == 2
    assert value(manager, "metrics_collector_errors_total", collector="c", reason="error") == 0


class Leaving:
    """Raises something that is no `Exception`."""

    def __call__(self, metrics: MetricsManager) -> None:
        raise SystemExit(1)


async def broken(metrics: MetricsManager) -> None:
    raise ValueError("no")


async def leaving(metrics: MetricsManager) -> None:
    raise SystemExit(1)


def stopping(metrics: MetricsManager) -> None:
    raise StopIteration


def coroutine(metrics: MetricsManager) -> object:
    return broken(metrics)


@pytest.mark.parametrize("function", [broken, leaving, stopping, coroutine, Leaving()])
async def test_one_that_raises_is_counted_and_harms_no_other(
    manager: MetricsManager, collector: MetricsCollector, function: object
) -> None:
    called = list[MetricsManager]()
    patient = {"deadline_seconds": PATIENCE_SECONDS}
    collector.add_collector(function, name="bad", **patient)  # type: ignore[arg-type]
    collector.add_collector(called.append, name="good", **patient)

    await collector.collect_once()
    await collector.collect_once()

    assert value(manager, "metrics_collector_errors_total", collector="bad", reason="error") == 2
    assert value(manager, "metrics_collector_runs_total", collector="bad") == 2
    assert called == [manager, manager]


async def test_a_thread_that_hangs_is_left_alone_until_it_returns(
    manager: MetricsManager, collector: MetricsCollector
) -> None:
    go_on = threading.Event()
    begun = []

    def hang(metrics: MetricsManager) -> None:
        begun.append(1)
        go_on.wait(PATIENCE_SECONDS)

    collector.add_collector(hang, name="hang")
    collector.start()
    told = {"collector": "hang"}
    await counted(manager, "metrics_collector_errors_total", 1, **told, reason="late")
    await counted(manager, "metrics_collector_errors_total", 3, **told, reason="skipped")
    assert len(begun) == 1

    go_on.set()

    await counted(manager, "metrics_collector_runs_total", 2, **told)


async def test_a_coroutine_that_hangs_is_cancelled_at_its_deadline(
    manager: MetricsManager, collector: MetricsCollector
) -> None:
    ended = []

    async def hang(metrics: MetricsManager) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(1)

    collector.add_collector(hang, name="hang", deadline_seconds=0.01)

    await collector.collect_once()
    await asyncio.sleep(0)

    assert ended == [1]
    assert value(manager, "metrics_collector_errors_total", collector="hang", reason="late") == 1


async def test_the_end_waits_for_no_thread(manager: MetricsManager) -> None:
    collector = MetricsCollector(manager, SystemClock())
    go_on, begun = threading.Event(), threading.Event()

    def hang(metrics: MetricsManager) -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS)

    collector.add_collector(hang)
    collector.start()
    await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    await collector.stop()

    assert not go_on.is_set()
    go_on.set()


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf])
def test_an_interval_that_makes_no_sense_is_refused(
    manager: MetricsManager, seconds: float
) -> None:
    collector = MetricsCollector(manager, SystemClock())

    with pytest.raises(MetricError, match="cannot have"):
        collector.add_collector(print, interval_seconds=seconds)
    with pytest.raises(MetricError, match="cannot have"):
        collector.add_collector(print, deadline_seconds=seconds)
