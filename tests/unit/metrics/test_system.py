"""What the process and the machine look like."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_system.metrics import system
from event_system.metrics.manager import MetricsManager
from event_system.metrics.system import SystemCollector


class SteppingClock:
    """Half a second passes at each look."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_us(self) -> int:
        return int(self.seconds * 1e6)

    def monotonic(self) -> float:
        self.seconds += 0.5
        return self.seconds


@pytest.fixture
def manager() -> MetricsManager:
    return MetricsManager()


@pytest.fixture
def collector(manager: MetricsManager) -> Iterator[SystemCollector]:
    collector = SystemCollector(manager, SteppingClock())
    yield collector
    collector.close()


def values(manager: MetricsManager) -> dict[str, float]:
    return {v.spec.name: dict(v.rows).get((), (-1.0,))[0] for v in manager.collect()}


def test_the_machine_is_known_before_the_first_collection(
    manager: MetricsManager, collector: SystemCollector
) -> None:
    found = values(manager)

    assert found["system_memory_alloc_bytes"] > 10_000_000
    assert found["system_memory_sys_bytes"] >= found["system_memory_alloc_bytes"]
    assert found["system_memory_heap_objects"] > 10_000
    assert 0 < found["system_memory_usage"] <= 100
    assert found["system_open_files"] > 2
    assert found["system_cpu_threads"] >= 1
    assert found["process_cpu_seconds_total"] > 0


def test_rates_need_two_looks_and_are_never_negative(
    manager: MetricsManager, collector: SystemCollector
) -> None:
    for now in (1.0, 1.0, 2.0):
        collector.collect(now)

    found = values(manager)

    assert found["system_network_io"] >= 0
    assert found["system_disk_io"] >= 0
    assert 0 <= found["system_cpu_usage"] <= 100


def test_pauses_of_the_garbage_collector_are_added_up(
    manager: MetricsManager, collector: SystemCollector
) -> None:
    before = values(manager)["system_gc_pause_total_ns"]

    gc.collect()
    gc.collect()
    collector.collect(1.0)

    grown = values(manager)["system_gc_pause_total_ns"] - before
    assert grown >= 2 * 0.5e9  # the clock of this test makes each pause half a second


async def test_goroutines_are_asyncio_tasks(
    manager: MetricsManager, collector: SystemCollector
) -> None:
    collector.collect(1.0)
    before = values(manager)["system_goroutines"]
    tasks = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]

    collector.collect(2.0)

    assert values(manager)["system_goroutines"] == before + 3
    for task in tasks:
        task.cancel()


def test_a_closed_collector_no_longer_watches_the_garbage_collector(
    manager: MetricsManager, collector: SystemCollector
) -> None:
    watching = len(gc.callbacks)

    collector.close()
    collector.close()

    assert len(gc.callbacks) == watching - 1


def test_totals_without_a_suffix_are_those_with_one(
    manager: MetricsManager, collector: SystemCollector
) -> None:
    collector.collect(1.0)

    found = values(manager)

    assert found["network_receive_bytes"] == found["system_network_receive_bytes_total"]
    assert found["disk_io_write_bytes"] == found["system_disk_write_bytes_total"]
    assert found["system_memory_total_alloc_bytes"] > found["system_memory_alloc_bytes"] / 10
    assert 0 < found["memory_available_bytes"] < found["memory_total_bytes"]
    assert 0 < found["disk_free_bytes"] <= found["disk_total_bytes"]
    assert found["cpu_usage_percent"] == found["system_cpu_usage"]


def test_connections_are_those_of_both_protocols(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "sockstat", tmp_path / "sockstat6", tmp_path / "absent"
    files[0].write_text("sockets: used 60\nTCP: inuse 27 orphan 0 tw 6\nUDP: inuse 9 mem 0\n")
    files[1].write_text("TCP6: inuse 2\nUDP6: inuse 5\n")
    monkeypatch.setattr(system, "SOCKETS", files)

    assert system.connections() == 29
