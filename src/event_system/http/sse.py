"""A live stream as an HTTP answer (`text/event-stream`), freed as soon as its client is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any, Final

from litestar.types import Receive, Scope, Send

from event_system.http.tail import LiveStream

STALL_SECONDS: Final = 60.0
"""A client that takes nothing for so long is given up."""
GRACE_SECONDS: Final = 0.25
"""What a stream gets to end by itself when the node stops."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_log = logging.getLogger(__name__)


class LiveResponse:
    """An ASGI answer that sends a stream until it ends or its client goes."""

    def __init__(self, stream: LiveStream, *, stall_seconds: float = STALL_SECONDS) -> None:
        self._stream = stream
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._stream as stream:
            writing = asyncio.ensure_future(self._write(send))
            ends = [writing, _task(_disconnected(receive)), _task(stream.ended.wait())]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if stream.ended.is_set():
                    await asyncio.wait([writing], timeout=GRACE_SECONDS)
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.wait(ends)
            _report(writing)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async with aclosing(self._stream.frames()) as frames:
            async for chunk in frames:
                if chunk:
                    await self._send(send, chunk)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, chunk: bytes) -> None:
        async with asyncio.timeout(self._stall_seconds):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _task(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(work)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _report(writing: asyncio.Future[None]) -> None:
    """Say why a stream ended early; its client comes back by itself and resumes."""
    if writing.cancelled():
        return
    error = writing.exception()
    if isinstance(error, TimeoutError):
        _log.info("a live stream was given up: its client takes nothing")
    elif error is not None:
        _log.warning("a live stream ended: %s", error, exc_info=error)
