"""The script for browsers and its beacons, over HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest

from event_system.events.limits import Rate
from event_system.metrics.manager import MetricsManager
from event_system.metrics.rum import PageMetrics
from event_system.rum.beacon import MAX_BYTES
from event_system.rum.intake import BeaconIntake, RumSettings
from tests.architecture.tree import ROOT
from tests.support.site import Site, serving

RATE = Rate(1000.0, 1000)
SETTINGS = RumSettings(RATE, RATE, {"https://play.example"}, ("/shop/{item}",), sample=0.5)


@pytest.fixture
def manager() -> MetricsManager:
    return MetricsManager()


@pytest.fixture
async def measured(manager: MetricsManager) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a site that measures pages, and wants keys elsewhere."""
    clock = asyncio.get_running_loop().time
    site = Site(rum=BeaconIntake(SETTINGS, PageMetrics(manager), clock))
    site.keys[b"right"] = "somebody"
    async with serving(site) as running, running.client() as client:
        yield client


def views(manager: MetricsManager) -> float:
    found = {values.spec.name: values.rows for values in manager.collect()}
    return sum(row[0] for _, row in found["rum_page_views_total"])


async def test_a_beacon_is_counted(measured: httpx.AsyncClient, manager: MetricsManager) -> None:
    beacon = '{"page": "/shop/1", "view": true, "load_ms": 900}'

    answer = await measured.post("/rum", content=beacon, headers={"content-type": "text/plain"})

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert views(manager) == 1


async def test_the_page_of_another_site_may_read_the_answer(measured: httpx.AsyncClient) -> None:
    headers = {"origin": "https://play.example"}

    answer = await measured.post("/rum", content='{"page": "/"}', headers=headers)

    assert answer.headers["access-control-allow-origin"] == "https://play.example"
    assert "origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"no beacon", {}, "rum.invalid"),
        (b'{"page": "/"}' + b" " * MAX_BYTES, {}, "request.too_large"),
        (b'{"page": "/"}', {"origin": "https://evil.example"}, "rum.origin"),
        (b'{"page": "/"}', {"content-encoding": "gzip"}, "request.encoding"),
    ],
)
async def test_what_is_not_taken_is_told_why(
    measured: httpx.AsyncClient,
    manager: MetricsManager,
    content: bytes,
    headers: dict[str, str],
    code: str,
) -> None:
    answer = await measured.post("/rum", content=content, headers=headers)

    assert answer.json()["code"] == code
    assert views(manager) == 0


@pytest.fixture(scope="module")
def bundled() -> None:
    """The script as `make` leaves it, for those who run tests without make."""
    subprocess.run([sys.executable, "-m", "tools.rum"], cwd=ROOT, check=True)


@pytest.mark.service("node")
async def test_the_script_is_served_with_its_share(
    bundled: None, measured: httpx.AsyncClient
) -> None:
    answer = await measured.get("/rum.js")
    again = await measured.get("/rum.js", headers={"if-none-match": answer.headers["etag"]})

    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.text.startswith('globalThis.__eventSystemRum={"sample": 0.5};')
    assert "eventSystemRum" in answer.text
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(("method", "path"), [("GET", "/rum.js"), ("POST", "/rum")])
async def test_a_node_that_measures_nothing_says_so(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path, content=b"{}" if method == "POST" else None)

    assert answer.status_code == 404
    assert answer.json()["code"] == "rum.disabled"
