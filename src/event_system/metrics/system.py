"""The process and the machine, read every few seconds and not at each scrape.

Outward names are those that operators know from other servers, with what Python has in place:
`system_goroutines` are asyncio tasks; `system_memory_sys_bytes` is what the process holds of
the machine's memory and `system_memory_alloc_bytes` the part of it that is no shared file, the
heap above all; `system_memory_total_alloc_bytes` are pages that the process got of the kernel,
all together; `system_memory_heap_objects` counts the blocks that Python's allocator has
handed out (counting objects would stop the process for many milliseconds);
`system_gc_next_bytes` counts allocations because that is what triggers Python's collector.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getpagesize, getrusage
from typing import Any

import psutil

from event_system.kernel.clock import Clock
from event_system.metrics.manager import MetricsManager

MEGABYTE = 1_000_000
LOOPBACK = "lo"
_GAUGES = {
    "system_cpu_usage": "The machine's processors in use, in percent.",
    "system_memory_usage": "The machine's memory in use, in percent.",
    "system_memory_alloc_bytes": "Resident memory of the process that is no shared file.",
    "system_memory_sys_bytes": "Resident memory of the process.",
    "system_memory_heap_objects": "Memory blocks that Python has allocated.",
    "system_gc_pause_total_ns": "Time spent in garbage collection since the start.",
    "system_gc_next_bytes": "Allocations until the next collection of the youngest generation.",
    "system_goroutines": "Asyncio tasks.",
    "system_cpu_threads": "Threads of the process.",
    "system_load1": "Load average over one minute.",
    "system_load5": "Load average over five minutes.",
    "system_load15": "Load average over 15 minutes.",
    "system_open_files": "Open file descriptors of the process.",
    "system_process_cpu_usage": "What the process uses of one processor, in percent.",
    "system_network_io": "Network traffic of the machine in both directions, in MB/s.",
    "system_disk_io": "Disk traffic of the machine in both directions, in MB/s.",
    "system_disk_usage": "The file system with the data directory in use, in percent.",
    "cpu_usage_percent": "The machine's processors in use, in percent.",
    "cpu_cores_count": "Processors that the machine has.",
    "memory_usage_percent": "The machine's memory in use, in percent.",
    "memory_available_bytes": "The machine's memory that processes can still have.",
    "memory_total_bytes": "The machine's memory.",
    "disk_usage_percent": "The file system with the data directory in use, in percent.",
    "disk_free_bytes": "Free on the file system with the data directory.",
    "disk_total_bytes": "The size of the file system with the data directory.",
    "network_connections_active": "TCP connections of the machine.",
    "process_start_time_seconds": "When the process started, in seconds since 1970.",
}
_TOTALS = {
    "process_cpu_seconds_total": "Processor time that the process has used.",
    "system_network_receive_bytes_total": "Bytes received by the machine, loopback left out.",
    "system_network_transmit_bytes_total": "Bytes sent by the machine, loopback left out.",
    "system_disk_read_bytes_total": "Bytes read from the machine's disks.",
    "system_disk_write_bytes_total": "Bytes written to the machine's disks.",
}
_EXACT = {
    "system_memory_total_alloc_bytes": "Memory that the process got of the kernel since its start.",
    "network_receive_bytes": "Bytes received by the machine, loopback left out.",
    "network_transmit_bytes": "Bytes sent by the machine, loopback left out.",
    "disk_io_read_bytes": "Bytes read from the machine's disks.",
    "disk_io_write_bytes": "Bytes written to the machine's disks.",
}
"""Totals whose names are known without `_total`."""
_SAME = {
    "network_receive_bytes": "system_network_receive_bytes_total",
    "network_transmit_bytes": "system_network_transmit_bytes_total",
    "disk_io_read_bytes": "system_disk_read_bytes_total",
    "disk_io_write_bytes": "system_disk_write_bytes_total",
}
SOCKETS = (Path("/proc/net/sockstat"), Path("/proc/net/sockstat6"))


class SystemCollector:
    """Keeps the metrics above; `collect` takes about a millisecond. `close` at the end."""

    def __init__(self, manager: MetricsManager, clock: Clock, directory: str = "/") -> None:
        self._gauges = {
            name: manager.register_gauge(name, help_).child() for name, help_ in _GAUGES.items()
        }
        self._totals = {
            name: manager.register_counter(name, help_).child() for name, help_ in _TOTALS.items()
        }
        self._exact = {
            name: manager.register_counter(name, help_, exact=True).child()
            for name, help_ in _EXACT.items()
        }
        self._loads = manager.register_gauge(
            "cpu_load_average", "Load average over so many minutes.", "minutes"
        )
        self._collections = manager.register_counter(
            "python_gc_collections_total", "Garbage collections, by generation.", "generation"
        )
        self._directory = directory
        self._process = psutil.Process()
        self._rates = _Rates()
        self._pauses = _GcPauses(clock)
        gc.callbacks.append(self._pauses)
        self._gauges["process_start_time_seconds"].set(self._process.create_time())
        self._collect()  # a scrape right after the start sees the machine, too

    def close(self) -> None:
        with suppress(ValueError):  # closed before
            gc.callbacks.remove(self._pauses)

    def collect(self, now: float) -> None:
        """Read everything. `now` is monotonic seconds; rates are since the last call."""
        self._collect()
        totals = {name: child.value for name, child in self._totals.items()}
        for name, value in self._rates.megabytes(totals, now):
            self._gauges[name].set(value)

    def _collect(self) -> None:
        with self._process.oneshot():
            gauges = {**_machine(self._directory), **_process(self._process), **self._garbage()}
            cpu = self._process.cpu_times()
        for name, value in gauges.items():
            self._gauges[name].set(value)
        totals = {"process_cpu_seconds_total": cpu.user + cpu.system, **_traffic()}
        for name, total in totals.items():
            self._totals[name].raise_to(total)
        for name, other in _SAME.items():
            self._exact[name].raise_to(totals[other])
        faults = getrusage(RUSAGE_SELF)
        pages = faults.ru_minflt + faults.ru_majflt
        self._exact["system_memory_total_alloc_bytes"].raise_to(pages * getpagesize())
        for minutes, load in zip(("1", "5", "15"), os.getloadavg(), strict=True):
            self._loads.child(minutes).set(load)
        for generation, stats in enumerate(gc.get_stats()):
            self._collections.child(str(generation)).raise_to(stats["collections"])

    def _garbage(self) -> dict[str, float]:
        return {
            "system_memory_heap_objects": sys.getallocatedblocks(),
            "system_gc_pause_total_ns": self._pauses.total_ns,
            "system_gc_next_bytes": max(gc.get_threshold()[0] - gc.get_count()[0], 0),
        }


class _GcPauses:
    """Adds up how long collections take; one of `gc.callbacks`."""

    def __init__(self, clock: Clock) -> None:
        self.total_ns = 0
        self._clock = clock
        self._started = clock.monotonic()

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        now = self._clock.monotonic()
        if phase == "start":
            self._started = now
        else:
            self.total_ns += int((now - self._started) * 1e9)


@dataclass(slots=True)
class _Rates:
    """What the growth of totals means per second."""

    before: dict[str, float] | None = None
    at: float = 0.0

    def megabytes(self, totals: dict[str, float], now: float) -> Iterator[tuple[str, float]]:
        """The rates by gauge, from the second look on."""
        before, seconds = self.before, now - self.at
        self.before, self.at = totals, now
        if before is None or seconds <= 0:
            return
        for gauge, prefix in (
            ("system_network_io", "system_network_"),
            ("system_disk_io", "system_disk_"),
        ):
            grown = sum(totals[n] - before[n] for n in totals if n.startswith(prefix))
            yield gauge, max(grown, 0.0) / MEGABYTE / seconds


def _machine(directory: str) -> dict[str, float]:
    load1, load5, load15 = os.getloadavg()
    busy, memory, disk = psutil.cpu_percent(), psutil.virtual_memory(), psutil.disk_usage(directory)
    return {
        "cpu_usage_percent": busy,
        "cpu_cores_count": psutil.cpu_count() or 1,
        "memory_usage_percent": memory.percent,
        "memory_available_bytes": memory.available,
        "memory_total_bytes": memory.total,
        "disk_usage_percent": disk.percent,
        "disk_free_bytes": disk.free,
        "disk_total_bytes": disk.total,
        "network_connections_active": connections(),
        "system_cpu_usage": busy,
        "system_memory_usage": memory.percent,
        "system_load1": load1,
        "system_load5": load5,
        "system_load15": load15,
        "system_disk_usage": disk.percent,
    }


def connections() -> int:
    """TCP connections that the machine has: a line each for IPv4 and IPv6. 0 but on Linux."""
    found = 0
    for file in SOCKETS:
        with suppress(OSError):
            for line in file.read_text().splitlines():
                if line.startswith("TCP") and (words := line.split())[1] == "inuse":
                    found += int(words[2])
    return found


def _process(process: psutil.Process) -> dict[str, float]:
    memory = process.memory_info()
    return {
        "system_memory_alloc_bytes": memory.rss - getattr(memory, "shared", 0),  # Linux only
        "system_memory_sys_bytes": memory.rss,
        "system_goroutines": _tasks(),
        "system_cpu_threads": process.num_threads(),
        "system_open_files": process.num_fds(),
        "system_process_cpu_usage": process.cpu_percent(),
    }


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # no loop runs in this thread
        return 0


def _traffic() -> dict[str, float]:
    cards = psutil.net_io_counters(pernic=True)
    network = [counters for name, counters in cards.items() if name != LOOPBACK]
    disk = psutil.disk_io_counters()  # None where the machine has no disk of its own
    return {
        "system_network_receive_bytes_total": sum(card.bytes_recv for card in network),
        "system_network_transmit_bytes_total": sum(card.bytes_sent for card in network),
        "system_disk_read_bytes_total": disk.read_bytes if disk else 0,
        "system_disk_write_bytes_total": disk.write_bytes if disk else 0,
    }
