"""Machines and processes."""

from __future__ import annotations

from tools.dashboards.panels import Dashboard, Panel, Query, Row, panel

NODE = 'job=~"$job", instance=~"$instance"'


def _plain(title: str, metric: str, unit: str = "short", **looks: float | str) -> Panel:
    """One metric of each instance."""
    return panel(title, Query(f"{metric}{{{NODE}}}", "{{instance}}"), unit=unit, **looks)


def _rate(title: str, unit: str, **metrics: str) -> Panel:
    """Growth per second, of one counter or of several by name."""
    queries = [
        Query(f"rate({metric}{{{NODE}}}[$__rate_interval])", f"{{{{instance}}}} {name}")
        for name, metric in metrics.items()
    ]
    return panel(title, *queries, unit=unit)


DASHBOARD = Dashboard(
    uid="event-system-system",
    title="System",
    rows=(
        Row(
            "Machine",
            (
                _plain("CPU usage", "system_cpu_usage", "percent", warn_at=80),
                _plain("Memory usage", "system_memory_usage", "percent", warn_at=80),
                _plain("Disk usage", "system_disk_usage", "percent", warn_at=80),
                panel(
                    "Load",
                    Query(f"system_load1{{{NODE}}}", "{{instance}} 1 min"),
                    Query(f"system_load5{{{NODE}}}", "{{instance}} 5 min"),
                    Query(f"system_load15{{{NODE}}}", "{{instance}} 15 min"),
                ),
                _rate(
                    "Network",
                    "Bps",
                    received="system_network_receive_bytes_total",
                    sent="system_network_transmit_bytes_total",
                ),
                _rate(
                    "Disk",
                    "Bps",
                    read="system_disk_read_bytes_total",
                    written="system_disk_write_bytes_total",
                ),
            ),
        ),
        Row(
            "Process",
            (
                _plain("Processor", "system_process_cpu_usage", "percent"),
                panel(
                    "Memory",
                    Query(f"system_memory_sys_bytes{{{NODE}}}", "{{instance}} resident"),
                    Query(f"system_memory_alloc_bytes{{{NODE}}}", "{{instance}} of its own"),
                    unit="bytes",
                ),
                _plain("Memory blocks", "system_memory_heap_objects"),
                _plain("Tasks", "system_goroutines"),
                _plain("Threads", "system_cpu_threads"),
                _plain("Open files", "system_open_files"),
            ),
        ),
        Row(
            "Garbage collection",
            (
                panel(
                    "Time spent",
                    Query(
                        f"rate(system_gc_pause_total_ns{{{NODE}}}[$__rate_interval]) / 1e9",
                        "{{instance}}",
                    ),
                    unit="percentunit",
                    width=12,
                ),
                panel(
                    "Collections",
                    Query(
                        f"rate(python_gc_collections_total{{{NODE}}}[$__rate_interval])",
                        "{{instance}} generation {{generation}}",
                    ),
                    unit="ops",
                    width=12,
                ),
            ),
        ),
    ),
)
