"""The process and the machine, read every few seconds (not at each scrape).

Outward names are those that operators know from other servers: `system_goroutines` is the
number of asyncio tasks, `system_memory_heap_objects` of blocks that Python has allocated,
`system_memory_alloc_bytes` the process' resident memory, `system_memory_sys_bytes` its
virtual memory.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from typing import Any

import psutil

from event_system.metrics.manager import Gauge, MetricsManager

MB = 1_000_000
_GAUGES = {
    "system_cpu_usage": "Percent of the machine's processors in use.",
    "system_memory_usage": "Percent of the machine's memory in use.",
    "system_memory_alloc_bytes": "Resident memory of the process.",
    "system_memory_sys_bytes": "Virtual memory of the process.",
    "system_memory_heap_objects": "Memory blocks that Python has allocated.",
    "system_gc_pause_total_ns": "Time spent in garbage collection since the start.",
    "system_gc_next_bytes": "Allocations until the next collection of the youngest generation.",
    "system_goroutines": "Asyncio tasks.",
    "system_cpu_threads": "Threads of the process.",
    "system_load1": "Load average over one minute.",
    "system_open_files": "Open file descriptors of the process.",
    "system_process_cpu_usage": "Percent of one processor that the process uses.",
    "system_network_io": "Network traffic of the machine in both directions, MB/s.",
    "system_disk_io": "Disk traffic of the machine in both directions, MB/s.",
    "system_disk_usage": "Percent of the root file system in use.",
}


class SystemCollector:
    """Sets the gauges above; `collect` takes a few milliseconds at most."""

    def __init__(self, manager: MetricsManager) -> None:
        self._gauges: dict[str, Gauge] = {
            name: manager.register_gauge(name, help_).child() for name, help_ in _GAUGES.items()
        }
        self._process = psutil.Process()
        self._process.cpu_percent()
        psutil.cpu_percent()
        self._totals = _totals()
        self._last: float | None = None
        self._pauses = _GcPauses()
        gc.callbacks.append(self._pauses)

    def close(self) -> None:
        gc.callbacks.remove(self._pauses)

    def collect(self, now: float) -> None:
        """Read everything. `now` is monotonic seconds."""
        memory = self._process.memory_info()
        values = {
            "system_cpu_usage": psutil.cpu_percent(),
            "system_memory_usage": psutil.virtual_memory().percent,
            "system_memory_alloc_bytes": memory.rss,
            "system_memory_sys_bytes": memory.vms,
            "system_memory_heap_objects": sys.getallocatedblocks(),
            "system_gc_pause_total_ns": self._pauses.total_ns,
            "system_gc_next_bytes": max(gc.get_threshold()[0] - gc.get_count()[0], 0),
            "system_goroutines": len(asyncio.all_tasks()),
            "system_cpu_threads": threading.active_count(),
            "system_load1": os.getloadavg()[0],
            "system_open_files": self._process.num_fds(),
            "system_process_cpu_usage": self._process.cpu_percent(),
            "system_disk_usage": psutil.disk_usage("/").percent,
            **self._traffic(now),
        }
        for name, value in values.items():
            self._gauges[name].set(value)

    def _traffic(self, now: float) -> dict[str, float]:
        before, self._totals = self._totals, _totals()
        last, self._last = self._last, now
        if last is None or now <= last:
            return {}
        seconds = now - last
        return {name: max(self._totals[name] - before[name], 0) / MB / seconds for name in before}


class _GcPauses:
    """Adds up how long collections take."""

    def __init__(self) -> None:
        self.total_ns = 0
        self._started = 0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._started = time.perf_counter_ns()
        else:
            self.total_ns += time.perf_counter_ns() - self._started


def _totals() -> dict[str, int]:
    network, disk = psutil.net_io_counters(), psutil.disk_io_counters()
    return {
        "system_network_io": network.bytes_sent + network.bytes_recv if network else 0,
        "system_disk_io": disk.read_bytes + disk.write_bytes if disk else 0,
    }
