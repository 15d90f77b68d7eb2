"""The ASGI application behind `metrics.port`."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from prometheus_client.exposition import gzip_accepted

from event_system.kernel.threads import in_thread
from event_system.metrics.exposition import Form, form_of, write
from event_system.metrics.manager import MetricsManager

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

GZIP_LEVEL = 4
TURN = 16_384
"""Characters after which the loop has its turn; writing them takes less than a millisecond."""
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
    """Written in steps, between which the loop does what else there is; packed in a thread."""
    packed = gzip_accepted(_header(scope, b"accept-encoding"))
    form = form_of(_header(scope, b"accept"))
    body = await text_of(manager, form)
    headers = [(b"vary", b"accept, accept-encoding"), (b"cache-control", b"no-store")]
    if packed:
        body = await in_thread(gzip.compress, body, GZIP_LEVEL, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    await _answer(send, 200, form.content_type.encode("latin-1"), body, headers)


async def text_of(manager: MetricsManager, form: Form) -> bytes:
    """All metrics now. Gives the loop back after each piece, about every half millisecond."""
    pieces, written = list[bytes](), 0
    for piece in write(manager.each(), form):
        pieces.append(piece.encode())
        written += len(piece)
        if written > TURN:
            written = 0
            await asyncio.sleep(0)
    return b"".join(pieces)


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
