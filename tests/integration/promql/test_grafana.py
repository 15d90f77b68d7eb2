"""The requests of Grafana's Prometheus data source, answered as a Prometheus does.

They are those of its back end (`pkg/promlib`) with the method POST, which is its default: queries
are forms; what its front end asks goes through as POST and, where that is answered with 405 or 400,
again as GET with all parameters in the address.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from event_system.http.prometheus.monitoring import Monitoring
from event_system.promql.engine import Engine, Limits
from tests.support.memory_samples import MemorySamples
from tests.support.prometheus import Prometheus, prometheus_over
from tests.support.promql_comparison import difference_of_answers
from tests.support.promql_data import START, world
from tests.support.site import Site, serving
from tests.support.waiting import PATIENCE_SECONDS

FORM = {"content-type": "application/x-www-form-urlencoded", "user-agent": "Grafana/13.1.4"}
SPAN = {"start": str(START // 1000), "end": str(START // 1000 + 3600)}
LIMIT = {"limit": "40000"}
QUERIES: tuple[tuple[str, dict[str, str]], ...] = (
    ("query", {"query": "1+1", "time": "4"}),  # Save & test
    ("query", {"query": "level", "time": f"{START / 1000 + 1234.567:.3f}"}),
    ("query", {"query": "level", "time": SPAN["end"], "timeout": "60s"}),
    ("query_range", {"query": "sum by (job)(rate(requests_total[1m0s]))", "step": "15", **SPAN}),
    ("query_range", {"query": "level", "step": "120.5", **SPAN}),
    ("query_range", {"query": "ALERTS{}", "step": "60", **SPAN}),  # annotations
    ("query_range", {"query": "sum(", "step": "60", **SPAN}),
)
RESOURCES: tuple[tuple[str, dict[str, str]], ...] = (
    ("status/buildinfo", {}),
    ("rules", {}),
    ("label/__name__/values", {**LIMIT, **SPAN}),
    ("label/job/values", {**LIMIT, **SPAN, "match[]": '{__name__="level"}'}),
    ("labels", {**LIMIT, **SPAN}),
    ("labels", {**LIMIT, **SPAN, "match[]": '{job="api",__name__="level"}'}),
    ("series", {**LIMIT, **SPAN, "match[]": '{__name__!=""}'}),
    ("series", {**SPAN, "match[]": "level"}),  # a variable's
    ("query", {"query": "count(level)", "time": SPAN["end"]}),  # a variable's
    ("metadata", LIMIT),
    ("query_exemplars", {"query": "test", "start": str(START), "end": str(START + 1_800_000)}),
)
ONLY_GET = ("label/", "metadata")
BY_NODE = {"status/buildinfo", "metadata"}
"""What is not the samples', and so not the same."""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with prometheus_over(world()) as server:
        yield server


@pytest.fixture
async def node() -> AsyncIterator[httpx.AsyncClient]:
    site, engine = Site(), Engine(MemorySamples(world()), Limits(), time.monotonic)
    metadata = {name: [{"type": "gauge", "help": "", "unit": ""}] for name in ("level", "limit")}
    site.monitoring = Monitoring(engine, started_us=0, metadata=lambda: metadata)
    async with serving(site), site.client() as client:
        yield client
    engine.close()


async def _resource(
    client: httpx.AsyncClient, call: str, parameters: dict[str, str]
) -> httpx.Response:
    path = f"/api/v1/{call}"
    if not call.startswith(ONLY_GET):
        answer = await client.post(path, content=urlencode(parameters), headers=FORM)
        if answer.status_code not in {400, 405}:
            return answer
    return await client.get(path, params=parameters)


@pytest.mark.service("prometheus")
async def test_grafana_is_answered_as_by_prometheus(
    node: httpx.AsyncClient, prometheus: Prometheus
) -> None:
    differing = {}
    async with httpx.AsyncClient(base_url=prometheus.url, timeout=PATIENCE_SECONDS) as other:
        for call, form in QUERIES:
            body, path = urlencode(form), f"/api/v1/{call}"
            answers = [await c.post(path, content=body, headers=FORM) for c in (node, other)]
            differing[f"{call} {form}"] = difference_of_answers(*answers)
        for call, parameters in RESOURCES:
            answers = [await _resource(client, call, parameters) for client in (node, other)]
            if call not in BY_NODE:
                differing[f"{call} {parameters}"] = difference_of_answers(*answers)
            assert answers[0].status_code == 200, f"{call}: {answers[0].text[:300]}"

    assert {call: found for call, found in differing.items() if found} == {}


async def test_grafana_takes_the_node_for_a_prometheus_of_the_version_it_follows(
    node: httpx.AsyncClient,
) -> None:
    built: dict[str, Any] = (await _resource(node, "status/buildinfo", {})).json()["data"]

    assert built["version"] == "2.42.0"
    assert not built.get("features"), "with features it is taken for a Mimir"


async def test_a_limit_of_0_is_none(node: httpx.AsyncClient) -> None:
    answers = {
        (call, limit): (await _resource(node, call, {**SPAN, "match[]": "level", "limit": limit}))
        for call in ("labels", "label/job/values", "series", "metadata")
        for limit in ("0", "1", "40000")
    }
    counts = {key: len(answer.json()["data"]) for key, answer in answers.items()}

    for call in ("labels", "label/job/values", "series", "metadata"):
        assert counts[call, "0"] == counts[call, "40000"] > 0
        assert counts[call, "1"] == 1
