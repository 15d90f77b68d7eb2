from __future__ import annotations

import re

import httpx
import pytest

from event_system.events.ports import Delivery, ListenerStatus
from event_system.http.health import Health
from event_system.kernel.errors import StorageError
from tests.support.site import Site


def _status(name: str) -> ListenerStatus:
    return ListenerStatus(
        name=name,
        patterns=("player.*",),
        mode="async",
        priority=0,
        filter=None,
        timeout=30.0,
        batch=0,
        state="running",
        lag=3,
        cursors={0: 17},
    )


async def test_listeners_are_listed_with_lag_and_cursors(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.deliveries.statuses = [_status("greet")]

    answer = await client.get("/api/listeners")

    [listener] = answer.json()["listeners"]
    assert (listener["name"], listener["lag"]) == ("greet", 3)
    assert listener["cursors"] == {"0": 17}


@pytest.mark.parametrize("name", ["game.greet", "a/b", "with space"])
async def test_one_listener_is_found_by_name(
    site: Site, client: httpx.AsyncClient, name: str
) -> None:
    site.deliveries.statuses = [_status("other"), _status(name)]

    answer = await client.get(f"/api/listeners/{name.replace('/', '%2F')}")

    assert answer.json()["name"] == name


async def test_an_unknown_listener_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/listeners/nobody")

    assert (answer.status_code, answer.json()["code"]) == (404, "listener.not_found")


async def test_health_has_the_form_that_operators_know(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")

    assert answer.status_code == 200
    health = answer.json()
    assert list(health) == ["status", "timestamp", "components"]
    assert health["status"] == "ok"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", health["timestamp"])
    assert health["components"] == {"event_manager": "ok", "database": "ok", "metrics": "ok"}


async def test_a_degraded_component_degrades_the_node(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.health = Health({"database": "ok", "rules": "degraded"}, {"rules": "a group is late"})

    answer = await client.get("/health")

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["reasons"] == {"rules": "a group is late"}
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_component_that_is_down_takes_the_node_down(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.health = Health({"metrics": "degraded", "database": "down"})

    health, ready = await client.get("/health"), await client.get("/health/ready")

    assert (health.status_code, health.json()["status"]) == (503, "down")
    assert (ready.status_code, ready.json()["detail"]) == (503, "down: database")
    assert (await client.get("/health/live")).json() == {"status": "ok"}


async def test_a_stopping_node_is_not_ready(site: Site, client: httpx.AsyncClient) -> None:
    site.manager.accepting = False

    answer = await client.get("/health/ready")

    assert (answer.status_code, answer.json()["code"]) == (503, "node.stopping")


async def test_the_self_test_reports_every_stage(site: Site, client: httpx.AsyncClient) -> None:
    site.deliveries.deliveries = [Delivery("watch", "async", "handled")]

    answer = await client.post("/api/events/test")

    report = answer.json()
    assert (answer.status_code, report["ok"]) == (200, True)
    assert [stage["stage"] for stage in report["stages"]] == [
        *("accepted", "logged", "handled", "recorded")
    ]
    assert all(stage["ok"] and stage["ms"] >= 0 for stage in report["stages"])
    assert report["stages"][1]["offset"] == 1
    assert report["stages"][2]["listeners"] == [
        {"listener": "watch", "mode": "async", "state": "handled"}
    ]
    assert site.log.rows[0][5] == "system.test"


async def _failing(client: httpx.AsyncClient) -> dict[str, object]:
    answer = await client.post("/api/events/test")
    report = answer.json()
    assert (answer.status_code, report["ok"]) == (503, False)
    last: dict[str, object] = report["stages"][-1]
    assert last["ok"] is False
    return last


async def test_the_self_test_names_a_store_that_fails(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.log.failure = StorageError("the disk is full")

    stage = await _failing(client)

    assert stage["stage"] == "logged"
    assert stage["error"] == "storage.failed: the disk is full"


async def test_the_self_test_names_a_listener_that_fails(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.deliveries.deliveries = [Delivery("bad", "async", "retrying", "ValueError: no")]

    stage = await _failing(client)

    assert (stage["stage"], stage["error"]) == ("handled", "failed: bad")


async def test_the_self_test_names_a_listener_that_is_not_over(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.deliveries.pending = True

    stage = await _failing(client)

    assert stage["error"] == "not over after 5 seconds"


async def test_the_self_test_notices_a_history_that_finds_nothing(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.history.blind = True

    stage = await _failing(client)

    assert stage["stage"] == "recorded"


async def test_the_self_test_of_a_stopping_node_fails_at_once(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.manager.accepting = False

    stage = await _failing(client)

    assert stage["stage"] == "accepted"


@pytest.mark.parametrize("path", ["/health", "/health/live", "/api/events", "/docs", "/nothing"])
async def test_head_tells_what_get_would_without_its_body(
    site: Site, client: httpx.AsyncClient, path: str
) -> None:
    asked, told = await client.get(path), await client.head(path)

    assert told.status_code == asked.status_code
    assert told.content == b""
    assert told.headers["content-length"] == asked.headers["content-length"]
