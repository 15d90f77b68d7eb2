"""The ASGI application behind `metrics.port`."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any, TypeAlias

from prometheus_client.exposition import gzip_accepted

from event_system.metrics.exposition import write
from event_system.metrics.families import Values
from event_system.metrics.manager import MetricsManager

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

GZIP_LEVEL = 4
_PLAIN = b"text/plain; charset=utf-8"


def metrics_app(manager: MetricsManager) -> Application:
    """Serves `/metrics`, and at `/` the way there. GET and HEAD only."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await _serve(scope, send, manager)

    return app


async def _live(receive: Receive, send: Send) -> None:
    """There is nothing to prepare and nothing to close; only the protocol wants answers."""
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


async def _serve(scope: Scope, send: Send, manager: MetricsManager) -> None:
    if scope["path"] not in ("/", "/metrics"):
        await _answer(send, 404, _PLAIN, b"Not found; the metrics are at /metrics.\n")
    elif scope["method"] not in ("GET", "HEAD"):
        allow = [(b"allow", b"GET, HEAD")]
        await _answer(send, 405, _PLAIN, b"Only GET and HEAD.\n", allow)
    elif scope["path"] == "/":
        await _answer(send, 200, _PLAIN, b"The metrics are at /metrics.\n")
    else:
        await _metrics(scope, send, manager)


async def _metrics(scope: Scope, send: Send, manager: MetricsManager) -> None:
    """Values are copied on the loop; formatting, which takes far longer, is for a thread."""
    packed = gzip_accepted(_header(scope, b"accept-encoding"))
    values, accept = manager.collect(), _header(scope, b"accept")
    content_type, body = await asyncio.to_thread(_format, values, accept, packed)
    headers = [(b"vary", b"accept, accept-encoding"), (b"cache-control", b"no-store")]
    if packed:
        headers.append((b"content-encoding", b"gzip"))
    await _answer(send, 200, content_type.encode("latin-1"), body, headers)


def _format(values: Sequence[Values], accept: str, packed: bool) -> tuple[str, bytes]:
    content_type, text = write(values, accept)
    return content_type, gzip.compress(text, GZIP_LEVEL, mtime=0) if packed else text


def _header(scope: Scope, name: bytes) -> str:
    """A header's values; several lines count as one list."""
    return b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


async def _answer(
    send: Send, status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()
) -> None:
    length = (b"content-length", str(len(body)).encode())
    every = [(b"content-type", content_type), length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": every})
    await send({"type": "http.response.body", "body": body})
