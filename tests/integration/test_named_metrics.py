"""Every metric that operators' documents name is there under that name, with a real value.

The names are those of the documents 000 (core and alert rules), 003 and 004 of the product's
requirements; those of servers around the node depend on what is switched on.
"""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from event_system.metrics.reference.page import every_entry
from tests.support.process import NodeProcess
from tests.support.sql import ENGINES, fresh_database
from tests.support.waiting import PATIENCE_SECONDS, wait_until

LOGIN = {"type": "player.login", "subject": "Mo", "data": {"level": 1}}
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "metrics.py"
OF_SYSTEM = {
    "004": [
        "system_memory_alloc_bytes",
        "system_memory_total_alloc_bytes",
        "system_memory_sys_bytes",
        "system_memory_heap_objects",
        "system_gc_next_bytes",
        "system_gc_pause_total_ns",
        "system_goroutines",
        "system_cpu_threads",
        "connection_count",
        "connection_rate",
        "connection_errors",
        "messages_total",
        "message_size_bytes",
        "message_process_time",
        "database_operations",
        "database_query_time",
        "database_errors",
    ],
    "003": [
        "cpu_usage_percent",
        "cpu_load_average",
        "cpu_cores_count",
        "memory_usage_percent",
        "memory_available_bytes",
        "memory_total_bytes",
        "disk_usage_percent",
        "disk_free_bytes",
        "disk_total_bytes",
        "disk_io_read_bytes",
        "disk_io_write_bytes",
        "network_receive_bytes",
        "network_transmit_bytes",
        "network_connections_active",
        "http_requests_total",
        "http_request_duration_seconds",
        "http_requests_in_flight",
        "http_response_size_bytes",
        "db_query_duration_seconds",
        "db_queries_total",
        "cache_hits_total",
        "cache_misses_total",
        "cache_operations_duration_seconds",
        "users_active_total",
        "plugins_installed_total",
        "api_calls_total",
    ],
    "000": [
        "event_processing_success_rate",
        "async_queue_full",
        "system_cpu_usage",
        "system_memory_usage",
        "event_processing_latency",
    ],
}
OF_SERVERS = {
    "004": ["redis_operations", "redis_errors", "redis_connection_pool"],
    "003": ["db_connections_active", "db_connections_idle", "db_connections_max"],
}
POSITIVE = {
    "system_memory_alloc_bytes",
    "system_memory_total_alloc_bytes",
    "system_memory_sys_bytes",
    "system_memory_heap_objects",
    "system_goroutines",
    "system_cpu_threads",
    "connection_count",
    "messages_total",
    "cpu_cores_count",
    "memory_available_bytes",
    "memory_total_bytes",
    "disk_free_bytes",
    "disk_total_bytes",
    "users_active_total",
    "api_calls_total",
    "http_requests_total",
    "database_operations",
    "db_queries_total",
    "message_size_bytes_count",
    "message_size_bytes_sum",
    "message_process_time_count",
    "database_query_time_count",
    "db_query_duration_seconds_count",
    "http_request_duration_seconds_count",
    "http_response_size_bytes_count",
}
"""What cannot be 0 on a node that has stored an event of a player and answered requests."""


def listed(names: dict[str, list[str]]) -> set[str]:
    return {name for found in names.values() for name in found}


def scrape(node: NodeProcess) -> str:
    return httpx.get(f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=PATIENCE_SECONDS).text


def sums(text: str) -> dict[str, float]:
    """The sum of a sample's series."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name = series.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def served(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))


def test_the_reference_has_every_named_metric() -> None:
    names = {entry.name for entry in every_entry()}

    assert listed(OF_SYSTEM) | listed(OF_SERVERS) <= names


def test_a_node_serves_them_with_real_values(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "", [EXAMPLE]) as node, node.client() as client:
        client.post("/api/events/trigger", json=LOGIN)
        client.get("/api/listeners")

        def missing() -> set[str]:
            found = sums(scrape(node))
            return {name for name in POSITIVE if not found.get(name, 0) > 0}

        assert wait_until(lambda: not missing())
        text = scrape(node)
        assert listed(OF_SYSTEM) <= served(text)
        assert 'my_business_events_total{event_type="player.login"} 1' in text


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_with_servers_a_node_serves_theirs_too(tmp_path: Path, engine: str) -> None:
    with fresh_database(engine, "named") as dsn:
        config = f"""
database: {{enabled: true, dsn: '{dsn.url}'}}
redis: {{url: 'redis://127.0.0.1:1'}}
"""
        with NodeProcess(tmp_path, config) as node:
            assert listed(OF_SYSTEM) | listed(OF_SERVERS) <= served(scrape(node))
            asked = 'database_operations{operation="select"}'
            assert wait_until(lambda: asked in scrape(node))
