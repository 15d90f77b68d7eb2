"""`/metrics` as a small ASGI application."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from event_system.metrics.exposition import snapshot
from event_system.metrics.manager import MetricsManager

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
_INDEX = b"event-system metrics are at /metrics\n"


def metrics_app(manager: MetricsManager) -> Callable[..., Awaitable[None]]:
    """The application; formatting happens in a thread, so that a scrape stops nobody."""

    async def app(scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, "text/plain", b"GET or HEAD\n", [(b"allow", b"GET, HEAD")])
        elif scope["path"] == "/metrics":
            headers = dict(scope["headers"])
            render = snapshot(manager, headers.get(b"accept", b"").decode("latin-1"))
            content_type, body = await asyncio.to_thread(render)
            extra = [(b"vary", b"accept, accept-encoding")]
            if b"gzip" in headers.get(b"accept-encoding", b""):
                body = await asyncio.to_thread(gzip.compress, body, 3)
                extra.append((b"content-encoding", b"gzip"))
            await _answer(send, 200, content_type, body, extra)
        elif scope["path"] == "/":
            await _answer(send, 200, "text/plain", _INDEX, [])
        else:
            await _answer(send, 404, "text/plain", b"not found\n", [])

    return app


async def _answer(
    send: Send, status: int, content_type: str, body: bytes, extra: list[tuple[bytes, bytes]]
) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers + extra})
    await send({"type": "http.response.body", "body": body})
