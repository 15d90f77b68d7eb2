from __future__ import annotations

import logging

import httpx
import pytest

from event_system.kernel.errors import EventSystemError
from event_system.logs.context import current_trace_id
from tests.support.site import TRACE_ID, Site

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"
MEMBERS = {"type", "title", "status", "detail", "code", "remedy", "instance"}


def check(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) >= MEMBERS
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"/docs/errors#{code}"


@pytest.mark.parametrize("path", ["/", "/nothing", "/api", "/api/nothing/at/all", "/docs/none"])
async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    check(answer, 404, "request.not_found")
    assert answer.json()["instance"] == path


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/events")

    check(answer, 405, "request.method")
    assert "GET" in answer.headers["allow"]


async def test_a_foreign_media_type_is_a_problem(site: Site, client: httpx.AsyncClient) -> None:
    headers = {"content-type": "text/plain"}
    answer = await client.post("/api/events/trigger", content=b"x", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "request.media_type")
    assert site.log.rows == []


async def test_an_invalid_host_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health", headers={"host": "not a host"})

    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")


async def test_an_error_of_ours_keeps_its_words_and_the_trace(
    site: Site, client: httpx.AsyncClient
) -> None:
    site.history.failure = EventSystemError("the words", where="there")

    answer = await client.get("/api/events", headers={"traceparent": TRACEPARENT})

    check(answer, 500, "internal.error")
    assert answer.json()["detail"] == "the words"
    assert answer.json()["where"] == "there"
    assert answer.json()["traceId"] == "a" * 32


async def test_an_unexpected_error_tells_nothing_but_its_trace(
    site: Site, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    site.history.failure = RuntimeError("secret internals")

    with caplog.at_level(logging.ERROR):
        answer = await client.get("/api/events")

    check(answer, 500, "internal.error")
    assert "secret" not in answer.text
    assert answer.json()["traceId"] == TRACE_ID
    [record] = [r for r in caplog.records if r.name.startswith("event_system")]
    assert "secret internals" in str(record.exc_info)


async def test_what_a_request_logs_carries_its_trace(
    site: Site, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound: list[str | None] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            bound.append(current_trace_id())

    monkeypatch.setattr(logging.getLogger("event_system"), "handlers", [Noting()])
    site.history.failure = RuntimeError("no")

    await client.get("/api/events", headers={"traceparent": TRACEPARENT})
    await client.get("/api/events")

    assert bound == ["a" * 32, TRACE_ID]


KEYED = [
    ("GET", "/api/events"),
    ("GET", "/api/events/x"),
    ("GET", "/api/events/stream"),
    ("POST", "/api/events/test"),
    ("POST", "/api/events/trigger"),
    ("GET", "/api/events/trigger"),
    ("POST", "/api/events/batch"),
    ("GET", "/api/listeners"),
    ("GET", "/api/listeners/x"),
]
OPEN = ["/health", "/health/live", "/health/ready", "/docs", "/docs/errors", "/openapi.json"]


@pytest.mark.parametrize(("method", "path"), KEYED)
async def test_without_a_key_nothing_is_told(
    site: Site, client: httpx.AsyncClient, method: str, path: str
) -> None:
    site.keys = {b"esk_1": "game"}

    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert site.log.rows == []


@pytest.mark.parametrize("path", OPEN)
async def test_health_and_documentation_need_no_key(
    site: Site, client: httpx.AsyncClient, path: str
) -> None:
    site.keys = {b"esk_1": "game"}

    assert (await client.get(path)).status_code == 200


async def test_a_key_opens_and_names_the_source(site: Site, client: httpx.AsyncClient) -> None:
    site.keys = {b"esk_1": "game"}
    headers = {"authorization": "Bearer esk_1"}

    await client.post("/api/events/trigger", json={"type": "a"}, headers=headers)
    answer = await client.get("/api/events", headers=headers)

    assert [event["source"] for event in answer.json()["events"]] == ["game"]
