"""The ASGI application behind `metrics.port`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from event_system.metrics.exposition import render
from event_system.metrics.manager import MetricsManager

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

_PLAIN = b"text/plain; charset=utf-8"
_FRONT = b'<!doctype html><title>event-system</title><a href="/metrics">Metrics</a>\n'


def metrics_app(manager: MetricsManager) -> Application:
    """Serves `/metrics`, and at `/` the way there. GET and HEAD only."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] not in ("/", "/metrics"):
            await _answer(send, 404, _PLAIN, b"Not found; the metrics are at /metrics.\n")
        elif scope["method"] not in ("GET", "HEAD"):
            allow = [(b"allow", b"GET, HEAD")]
            await _answer(send, 405, _PLAIN, b"Only GET and HEAD.\n", allow)
        elif scope["path"] == "/":
            await _answer(send, 200, b"text/html; charset=utf-8", _FRONT)
        else:
            await _metrics(scope, send, manager)

    return app


async def _metrics(scope: Scope, send: Send, manager: MetricsManager) -> None:
    accept, accept_encoding = _values(scope, b"accept"), _values(scope, b"accept-encoding")
    made = await render(manager, accept, accept_encoding)
    headers = [(b"vary", b"accept, accept-encoding"), (b"cache-control", b"no-store")]
    if made.encoding is not None:
        headers.append((b"content-encoding", made.encoding.encode()))
    await _answer(send, 200, made.content_type.encode("latin-1"), made.body, headers)


def _values(scope: Scope, name: bytes) -> str:
    """A header's values; several lines count as one list."""
    return b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


async def _answer(
    send: Send, status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()
) -> None:
    length = (b"content-length", str(len(body)).encode())
    every = [(b"content-type", content_type), length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": every})
    await send({"type": "http.response.body", "body": body})
