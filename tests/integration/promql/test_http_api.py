"""The HTTP API answers what a real Prometheus over the same samples does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from event_system.http.prometheus.monitoring import Monitoring, Targets
from event_system.promql.engine import Engine, Limits
from event_system.promql.evaluator import Rules
from tests.support.memory_samples import MemorySamples
from tests.support.prometheus import Prometheus, prometheus_over
from tests.support.promql_comparison import difference_of_answers
from tests.support.promql_data import MINUTES, START, world
from tests.support.site import Site, serving
from tests.support.waiting import PATIENCE_SECONDS

MOMENT = (START + 47 * 60_000 + 7_123) / 1000
SPAN: dict[str, Any] = {"start": START / 1000, "end": START / 1000 + 3600, "step": "2m"}
ALL_TIME: dict[str, Any] = {"start": START / 1000, "end": START / 1000 + MINUTES * 60}

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("query", {"query": "sum by (job) (rate(requests_total[5m]))", "time": MOMENT}),
    ("query", {"query": "level{instance='d'}", "time": MOMENT}),
    ("query", {"query": "level[2m]", "time": MOMENT}),
    ("query", {"query": "vector(1e-7)", "time": "2026-01-02T03:04:05.678Z"}),
    ("query", {"query": "time()", "time": "2026-01-02T03:04:05+02:00"}),
    ("query", {"query": "'a\"b'", "time": MOMENT}),
    ("query", {"query": "nothing", "time": MOMENT}),
    ("query_range", {"query": "level", **SPAN}),
    ("query_range", {"query": "1", **SPAN, "step": "600.5"}),
    ("query_range", {"query": "nothing", **SPAN}),
    ("format_query", {"query": "sum by(job)(x)"}),
    ("series", {"match[]": "level", **ALL_TIME}),
    ("series", {"match[]": ["level{job='api'}", "lonely"], **ALL_TIME}),
    ("labels", ALL_TIME),
    ("labels", {"match[]": "latency_bucket", **ALL_TIME}),
    ("label/job/values", ALL_TIME),
    ("label/job/values", {"match[]": "turns", **ALL_TIME}),
    ("label/nothing/values", ALL_TIME),
    # faults
    ("query", {}),
    ("query", {"query": "sum("}),
    ("query", {"query": "1 == 1"}),
    ("query", {"query": "level", "time": "yesterday"}),
    ("query", {"query": "level", "timeout": "soon"}),
    ("query", {"query": "level + on (job) twin", "time": MOMENT}),
    ("query_range", {"query": "level", **SPAN, "step": "0"}),
    ("query_range", {"query": "level", **SPAN, "step": "-5"}),
    ("query_range", {"query": "level", **SPAN, "step": "0.1"}),
    ("query_range", {"query": "level", **SPAN, "step": ""}),
    ("query_range", {"query": "level", **SPAN, "start": ""}),
    ("query_range", {"query": "level", **SPAN, "end": 5}),
    ("query_range", {"query": "level[5m]", **SPAN}),
    ("format_query", {"query": "sum("}),
    ("series", {}),
    ("series", {"match[]": "{}"}),
    ("series", {"match[]": "level[5m]"}),
    ("labels", {"match[]": "sum(level)"}),
    ("label/bad-name/values", {}),
    ("rules", {"type": "other"}),
)


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with prometheus_over(world()) as server:
        yield server


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    engine = Engine(MemorySamples(world()), Limits(), time.monotonic)
    site.monitoring = Monitoring(
        engine,
        started_us=0,
        metadata=lambda: {"level": [{"type": "gauge", "help": "How high.", "unit": ""}]},
        targets=lambda: Targets(active=[{"health": "up"}]),
    )
    async with serving(site):
        yield site
    engine.close()


@pytest.mark.service("prometheus")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_calls_are_answered_alike(site: Site, prometheus: Prometheus, method: str) -> None:
    differing = {}
    async with (
        site.client() as ours,
        httpx.AsyncClient(base_url=prometheus.url, timeout=PATIENCE_SECONDS) as theirs,
    ):
        for call, parameters in CALLS:
            if method == "POST" and ("values" in call or call == "rules"):
                continue
            answers = [await _send(client, method, call, parameters) for client in (ours, theirs)]
            if found := difference_of_answers(*answers):
                differing[f"{call} {parameters}"] = found

    assert differing == {}


async def _send(
    client: httpx.AsyncClient, method: str, call: str, parameters: dict[str, Any]
) -> httpx.Response:
    where = {"params": parameters} if method == "GET" else {"data": parameters}
    return await client.request(method, f"/api/v1/{call}", **where)  # type: ignore[arg-type]


@pytest.mark.service("prometheus")
@pytest.mark.parametrize(
    "command",
    [
        ["instant", "--time", str(int(MOMENT)), "sum(level{instance!='d'})"],
        ["range", "--start", str(START // 1000), "--end", str(START // 1000 + 900), "limit"],
        [
            "series",
            "--match",
            "level",
            "--start",
            str(START // 1000),
            "--end",
            str(START // 1000 + 900),
        ],
        ["labels", "--start", str(START // 1000), "--end", str(START // 1000 + 900), "job"],
    ],
    ids=lambda command: command[0],
)
async def test_promtool_asks_us_as_it_asks_prometheus(
    site: Site, prometheus: Prometheus, command: list[str]
) -> None:
    kind, *options = command
    said = []
    for url in (site.url, prometheus.url):
        place = len(options) - (kind != "series")
        arguments = [*options[:place], url, *options[place:]]
        process = await asyncio.create_subprocess_exec(
            *("promtool", "query", kind, *arguments), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        said.append((process.returncode, sorted(out.splitlines())))

    assert said[0] == said[1]
    assert said[0][0] == 0


async def test_facts_come_from_the_node(site: Site) -> None:
    async with site.client() as client:
        facts = {
            call: (await client.get(f"/api/v1/{call}")).json()["data"]
            for call in (
                *("metadata", "targets", "rules", "alerts", "status/buildinfo", "status/config"),
                *("status/flags", "status/runtimeinfo", "status/tsdb"),
            )
        }

    assert facts["metadata"] == {"level": [{"type": "gauge", "help": "How high.", "unit": ""}]}
    assert facts["targets"] == {"activeTargets": [{"health": "up"}], "droppedTargets": []}
    assert facts["rules"] == {"groups": []}
    assert facts["alerts"] == {"alerts": []}
    assert facts["status/buildinfo"]["application"] == "event-system"
    assert facts["status/flags"]["query.max-samples"] == "20000000"
    assert set(facts["status/tsdb"]) >= {"headStats", "seriesCountByMetricName"}


async def test_a_node_without_time_series_says_so() -> None:
    async with serving(Site()) as site, site.client() as client:
        answer = await client.get("/api/v1/query", params={"query": "up"})

    assert (answer.status_code, answer.json()["code"]) == (503, "promql.off")


async def test_a_key_is_needed_where_keys_are_configured(site: Site) -> None:
    site.keys = {b"secret": "grafana"}
    async with site.client() as client:
        refused = await client.get("/api/v1/query", params={"query": "1"})
        known = {"authorization": "Bearer secret"}
        answered = await client.get("/api/v1/query", params={"query": "1"}, headers=known)

    assert (refused.status_code, answered.status_code) == (401, 200)


async def test_a_query_over_the_limit_names_it(site: Site) -> None:
    rules = Rules(max_samples=1000)
    engine = Engine(MemorySamples(world()), Limits(rules=rules), time.monotonic)
    site.monitoring = Monitoring(engine, started_us=0)
    async with site.client() as client:
        answer = await client.get("/api/v1/query_range", params={"query": "requests_total", **SPAN})

    engine.close()
    assert answer.status_code == 422
    assert answer.json()["errorType"] == "execution"
    assert "promql.max_samples" in answer.json()["error"]


async def test_a_query_whose_time_is_over_ends(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/api/v1/query", params={"query": "level", "timeout": "1e-9"})

    assert (answer.status_code, answer.json()["errorType"]) == (503, "timeout")
