from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.kernel.errors import StorageError
from tests.support.site import Site, serving


@pytest.fixture(params=["application", "protocol"])
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with serving(Site(fast=request.param == "protocol")) as running:
        yield running


async def test_an_event_is_stored_and_its_place_is_told(
    site: Site, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/api/events/trigger", json={"type": "player.login"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"id": site.log.rows[0][7], "offset": 1, "duplicate": False}


async def test_a_probe_is_an_event_too(site: Site, client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/events/trigger")

    assert answer.json()["offset"] == 1
    assert site.log.rows[0][5] == "system.probe"


async def test_a_batch_is_stored_whole(site: Site, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/events/batch", json=[{"type": "a"}, {"type": "b"}])

    assert answer.json()["accepted"] == 2
    assert [row[5] for row in site.log.rows] == ["a", "b"]


async def test_a_faulty_batch_lists_its_faults(site: Site, client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/events/batch", json=[{"type": "a"}, {"type": "b c"}])

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "batch.invalid"
    assert [fault["index"] for fault in answer.json()["faults"]] == [1]
    assert site.log.rows == []


@pytest.mark.parametrize(
    ("method", "path", "where"),
    [
        ("POST", "/api/events/trigger?partial=true", "partial"),
        ("POST", "/api/events/trigger?a", "a"),
        ("GET", "/api/events/trigger?x=1&y=2", "x"),
        ("POST", "/api/events/batch?partial=true&partial=true", "partial"),
        ("POST", "/api/events/batch?all=true", "all"),
    ],
)
async def test_a_parameter_that_means_nothing_is_refused(
    site: Site, client: httpx.AsyncClient, method: str, path: str, where: str
) -> None:
    answer = await client.request(method, path, json={"type": "player.login"})

    assert (answer.status_code, answer.json()["code"]) == (400, "query.invalid")
    assert answer.json()["where"] == where
    assert site.log.rows == []


async def test_a_batch_refuses_an_unknown_parameter(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/events/batch?partail=true", json=[])

    assert (answer.status_code, answer.json()["where"]) == (400, "partail")


async def test_a_chunked_body_is_read_no_further_than_its_limit(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.ingest.settings.max_body_size = 1_000
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 1_000_000_000:
            sent += 65_536
            yield b" " * 65_536

    with pytest.raises(httpx.HTTPError):  # the node answers and closes while we still send
        (await client.post("/api/events/batch", content=endless())).raise_for_status()

    assert sent < 100_000_000
    assert site.log.rows == []


async def test_a_store_that_fails_is_a_problem_with_a_time_to_try_again(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.log.failure = StorageError("the disk is full")

    answer = await client.post("/api/events/trigger", json={"type": "a"})

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["code"] == "storage.failed"
    assert answer.json()["detail"] == "the disk is full"


async def test_results_of_sync_listeners_come_back() -> None:
    async def greet(event: Event) -> str:
        return f"Hello, {event.subject}!"

    listener = Listener(name="greet", patterns=("player.login",), handler=greet, mode="sync")
    async with serving(Site([listener])) as site, site.client() as client:
        body = {"type": "player.login", "subject": "Mo"}
        answer = await client.post("/api/events/trigger", json=body)

    assert [result["result"] for result in answer.json()["results"]] == ["Hello, Mo!"]


async def test_a_refused_key_gets_the_same_answer_either_way(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.keys = {b"esk_1": "game"}

    answer = await client.post("/api/events/trigger", json={"type": "a"})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="event-system"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "auth.required"
