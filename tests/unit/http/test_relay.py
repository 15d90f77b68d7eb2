from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from event_system.http.relay import Brought, Elsewhere, Passed, relaying
from event_system.kernel.errors import LinkLimitError


async def test_a_link_that_is_not_passed_on_yet_says_how_long_to_wait() -> None:
    def admit(_: Mapping[str, Any]) -> None:
        raise LinkLimitError("too many", wait_seconds=6.2)

    async def refused(*_: Any) -> None:
        raise AssertionError

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def passed(_address: str, _request: Passed) -> Brought:
        raise AssertionError

    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    app = relaying(refused, refused, lambda: Elsewhere("b", "http://b"), admit, passed)
    await app({"type": "http", "path": "/i/x", "headers": []}, receive, send)

    assert sent[0]["status"] == 429
    assert dict(sent[0]["headers"])[b"retry-after"] == b"7"
    assert b"<h1>" in sent[1]["body"]
