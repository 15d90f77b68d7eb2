"""Streams as HTTP answers, freed as soon as their client is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Any, Final, Protocol

from litestar.types import Receive, Scope, Send

from event_system.kernel.errors import StoppingError

STALL_SECONDS: Final = 60.0
"""A client that takes nothing for so long is given up."""
GRACE_SECONDS: Final = 0.25
"""What a stream gets to end by itself when the node stops."""

EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
_log = logging.getLogger(__name__)


class Streamed(AbstractContextManager[Any], Protocol):
    """What a stream sends; leaving it as a context manager frees it."""

    ended: asyncio.Event
    """Set when the node wants the stream to end."""

    def frames(self) -> AsyncGenerator[bytes, None]:
        """The chunks, until the stream ends."""


class LiveResponse:
    """An ASGI answer that sends a stream until it ends or its client goes."""

    def __init__(
        self,
        stream: Streamed,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (EVENT_STREAM,),
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._stream = stream
        self._headers = [*headers, *_HEADERS]
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        with stream:
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
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
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
    """Say why a stream ended early; its client can resume it."""
    if writing.cancelled():
        return
    error = writing.exception()
    if isinstance(error, TimeoutError):
        _log.info("a stream was given up: its client takes nothing")
    elif error is not None and not isinstance(error, StoppingError):
        _log.warning("a stream ended: %s", error, exc_info=error)
