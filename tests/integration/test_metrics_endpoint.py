"""`/metrics` as a scraper sees it: over HTTP, and on a whole node."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from event_system.http.connection import Housekeeping, HttpSettings
from event_system.http.server import HttpServer
from event_system.metrics.manager import MetricsManager
from event_system.metrics.reference.page import every_entry
from event_system.metrics.server import metrics_app
from tests.support.process import NodeProcess
from tests.support.sql import ENGINES, fresh_database
from tests.support.waiting import PATIENCE_SECONDS, wait_until

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
OPTIONAL = """
database: {{enabled: true, dsn: '{dsn}'}}
redis: {{url: 'redis://127.0.0.1:1'}}
rum: {{enabled: true}}
metrics: {{collectors: {{nats: ['http://127.0.0.1:1']}}}}
event: {{worker_processes: 1}}
"""
LISTENERS = [Path(__file__).resolve().parents[1] / "acceptance" / "listeners" / "heavy.py"]
OF_SERVERS = {
    *("db_connections_active", "db_connections_idle", "db_connections_waiting"),
    *("db_connections_max", "db_slow_queries_total", "db_log_lag"),
}


@pytest.fixture
def manager() -> MetricsManager:
    manager = MetricsManager()
    manager.register_counter("logins_total", "Logins.", "server").child("eu").add(3)
    return manager


@pytest.fixture
async def client(manager: MetricsManager) -> AsyncIterator[httpx.AsyncClient]:
    house = Housekeeping(HttpSettings(), time.monotonic)
    server = HttpServer(metrics_app(manager), time.time, house)
    await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE_SECONDS
    ) as client:
        yield client
    await server.stop(2.0)
    await asyncio.sleep(0)  # let the last connection's callbacks run


async def test_a_scrape_gets_prometheus_text(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"accept": "*/*"})

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'logins_total{server="eu"} 3' in answer.text


async def test_a_scrape_gets_openmetrics_where_it_asks_for_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"accept": OPENMETRICS})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
async def test_a_scrape_is_packed_where_it_may_be(
    client: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    answer = await client.get("/metrics", headers={"accept-encoding": accepted})

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "accept, accept-encoding"
    assert "logins_total" in answer.text


async def test_head_tells_the_headers_without_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/metrics")

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/other", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
    ],
)
async def test_everything_else_is_told_where_the_metrics_are(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    assert status == 405 or "/metrics" in answer.text


async def test_a_scrape_of_many_series_leaves_the_loop_free(
    manager: MetricsManager, client: httpx.AsyncClient
) -> None:
    for number in range(900):
        for name in ("a", "b", "c"):
            if f"{name}_wide" not in manager:
                manager.register_gauge(f"{name}_wide", "Wide.", "series")
            manager.set_gauge(f"{name}_wide", number, str(number))

    turns = 0
    scrape = asyncio.create_task(client.get("/metrics"))
    while not scrape.done():
        turns += 1
        await asyncio.sleep(0)

    assert (await scrape).text.count("_wide{") == 2700
    assert turns > 20, "the loop stood still while the text was made"


@pytest.fixture(params=["files", *ENGINES[:1]])
def config(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a node on files, and of one with all that is optional; nobody is at the Redis port."""
    if request.param == "files":
        yield ""
        return
    with fresh_database(request.param, "metrics") as dsn:
        yield OPTIONAL.format(dsn=dsn.url)


def test_the_reference_lists_what_a_node_serves_and_nothing_else(
    config: str, tmp_path: Path
) -> None:
    with NodeProcess(tmp_path, config, LISTENERS) as node:
        text = httpx.get(
            f"http://127.0.0.1:{node.metrics_port}/metrics", timeout=PATIENCE_SECONDS
        ).text

    served = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    listed = [(entry.name, entry.type) for entry in every_entry()]

    parts = ("cluster_", "database_server_", "queue_", "redis_", "rum_", "worker_")
    optional = {each for each in listed if each[0].startswith(parts) or each[0] in OF_SERVERS}
    assert sorted(served) == sorted(listed if config else set(listed) - optional)
    labels = {entry.name: set(entry.label_names) for entry in every_entry()}
    for metric in read_text(text):
        name = labels.get(metric.name, labels.get(f"{metric.name}_total"))
        for sample in metric.samples:
            assert set(sample.labels) - {"le", "quantile"} == name, sample


def test_a_node_counts_what_it_does(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node, node.client() as client:
        for _ in range(2):
            client.post("/api/events/trigger", json={"id": "1", "type": "player.login"})
        client.post("/api/events/trigger", json={"type": "not valid"})
        metrics = f"http://127.0.0.1:{node.metrics_port}/metrics"

        def counted() -> bool:
            samples = {
                (s.name, *s.labels.values()): s.value
                for m in read_text(httpx.get(metrics, timeout=PATIENCE_SECONDS).text)
                for s in m.samples
            }
            return (
                samples.get(("events_triggered_total", "player.login")) == 1
                and samples.get(("player_login_events_total",)) == 1
                and samples.get(("events_duplicate_total",)) == 1
                and samples.get(("events_refused_total", "event.invalid")) == 1
                and samples.get(("http_requests_total", "/api/events/trigger", "200")) == 2
                and samples["system_memory_alloc_bytes",] > 0
            )

        assert wait_until(counted)


def test_a_node_counts_requests_by_their_routes(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node, node.client() as client:
        client.get("/api/listeners/none%2Fsuch")
        client.head("/health")
        client.head("/api/events/trigger")
        client.get("/no/such/path")
        metrics = f"http://127.0.0.1:{node.metrics_port}/metrics"
        text = httpx.get(metrics, headers={"accept": OPENMETRICS}, timeout=PATIENCE_SECONDS).text

    read = list(map(read_openmetrics, [text]))
    counted = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for metric in read[0]
        for sample in metric.samples
        if sample.name == "http_requests_total"
    }
    assert counted == {
        ("/api/listeners/{name}", "404"): 1,
        ("/health", "200"): 1,
        ("/api/events/trigger", "200"): 1,
        ("none", "404"): 1,
    }
