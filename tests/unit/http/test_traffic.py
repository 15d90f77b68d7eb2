"""What the application answers is noted: how often, how long it took, how large it was."""

from __future__ import annotations

from collections.abc import MutableMapping
from itertools import count
from typing import Any

import pytest

from event_system.http.traffic import NO_ROUTE, Traffic, watched

Message = MutableMapping[str, Any]


@pytest.fixture
def traffic() -> Traffic:
    ticks = count()
    return Traffic(lambda: next(ticks) * 0.5)


def scope(path: str, method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path}


def answering(
    traffic: Traffic, template: str | None, status: int = 200, media: bytes = b"application/json"
) -> Any:
    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if template is not None:
            scope["path_template"] = template
        headers = [(b"content-type", media)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        assert traffic.in_flight == (0 if b"stream" in media else 1)
        await send({"type": "http.response.body", "body": b"678"})

    return watched(app, traffic)


async def receive() -> Message:
    raise AssertionError


async def send(_message: Message) -> None:
    """To nobody."""


async def test_an_answer_is_noted_by_its_route(traffic: Traffic) -> None:
    await answering(traffic, "/api/listeners/{name}")(scope("/api/listeners/a"), receive, send)

    answers = traffic.take()["/api/listeners/{name}"]
    assert (answers.seconds, answers.sizes) == ([0.5], [8])
    assert traffic.statuses == {("/api/listeners/{name}", 200): 1}
    assert (traffic.in_flight, traffic.take()) == (0, {})


async def test_paths_that_fit_no_route_are_one(traffic: Traffic) -> None:
    for path in ("/a", "/b"):
        await answering(traffic, None, 404)(scope(path), receive, send)

    assert traffic.statuses == {(NO_ROUTE, 404): 2}


async def test_a_live_stream_counts_but_has_no_length(traffic: Traffic) -> None:
    app = answering(traffic, "/api/events/stream", media=b"text/event-stream; charset=utf-8")

    await app(scope("/api/events/stream"), receive, send)

    assert traffic.statuses == {("/api/events/stream", 200): 1}
    assert (traffic.in_flight, traffic.take()) == (0, {})


async def test_the_hot_routes_count_themselves(traffic: Traffic) -> None:
    app = answering(traffic, "/api/events/trigger")

    await app(scope("/api/events/trigger", "POST"), receive, send)

    assert (traffic.statuses, traffic.take()) == ({}, {})


async def test_a_request_that_ends_without_an_answer_leaves_nothing(traffic: Traffic) -> None:
    async def broken(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await watched(broken, traffic)(scope("/a"), receive, send)

    assert (traffic.in_flight, traffic.statuses, traffic.take()) == (0, {}, {})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_probe_counts_itself_however_it_is_asked(traffic: Traffic, method: str) -> None:
    app = answering(traffic, "/api/events/trigger")

    await app(scope("/api/events/trigger", method), receive, send)

    assert (traffic.statuses, traffic.take()) == ({}, {})
