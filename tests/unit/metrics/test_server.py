"""The ASGI application, called as a server calls it."""

from __future__ import annotations

import gzip
from collections.abc import MutableMapping
from typing import Any

from event_system.metrics.manager import MetricsManager
from event_system.metrics.server import metrics_app

Message = MutableMapping[str, Any]


async def call(scope: dict[str, Any], *incoming: Message) -> list[Message]:
    """What the application sends."""
    waiting, sent = list(incoming), list[Message]()

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    manager = MetricsManager()
    manager.register_counter("logins_total", "Logins.").child().add(3)
    await metrics_app(manager)(scope, receive, send)
    return sent


def http(path: str, *headers: tuple[bytes, bytes], method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": headers}


async def test_a_scrape_is_answered_with_length_and_type() -> None:
    start, body = await call(http("/metrics"))

    headers = dict(start["headers"])
    assert start["status"] == 200
    assert headers[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert b"logins_total 3\n" in body["body"]


async def test_several_header_lines_count_as_one_list() -> None:
    accepted = ((b"accept-encoding", b"br"), (b"accept-encoding", b"gzip;q=0.5"))

    start, body = await call(http("/metrics", *accepted))

    assert (b"content-encoding", b"gzip") in start["headers"]
    assert b"logins_total 3\n" in gzip.decompress(body["body"])


async def test_the_life_of_a_server_is_followed() -> None:
    sent = await call(
        {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    )

    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_what_is_no_request_is_left_alone() -> None:
    assert await call({"type": "websocket"}) == []
