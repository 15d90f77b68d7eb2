"""`metrics.enabled`: whether a node counts, collects, serves and stores metrics."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

COUNTED = Path(__file__).parent / "listeners/counted.py"
COUNTS = {
    *("collected", "events_triggered_total", "eventlog_commit_duration_seconds_count"),
    "http_request_duration_seconds_count",
}


def counted(client: httpx.Client) -> set[str]:
    """The metrics of which the node's process has values other than 0."""
    answer = client.post("/api/events/trigger", json={"type": "process.counted"})
    return set(answer.json()["results"][0]["result"])


def test_a_node_without_metrics_counts_collects_and_keeps_none(tmp_path: Path) -> None:
    off = "metrics: {enabled: false}"
    with NodeProcess(tmp_path, off, [COUNTED]) as node, node.client() as client:
        found = counted(client) | counted(client)
        health = client.get("/health").json()
        query = client.get("/api/v1/query", params={"query": "up"})
        alerts = client.post("/api/v2/alerts", json=[{"labels": {"alertname": "Hot"}}])

    assert not found & COUNTS
    assert node.metrics_port == 0
    assert not (node.data / "metrics").exists()
    assert (health["status"], health["components"]["metrics"]) == ("ok", "ok")
    assert (query.status_code, query.json()["code"]) == (503, "promql.off")
    assert alerts.status_code == 200


def test_a_node_with_metrics_has_them_all(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "", [COUNTED]) as node, node.client() as client:
        wait_until(lambda: counted(client) >= COUNTS)

        assert node.metrics()['events_triggered_total{type="process.counted"}'] > 0
        assert (node.data / "metrics").is_dir()
