"""Packs large answers the way the client likes best: an ASGI application around another.

The framework's own compression knows one coding an application and no preference (`q`).
An answer in parts leaves part by part. Live streams pass as they are: their frames are small.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Final, TypeAlias

from event_system.http.encodings import PREFERRED, Packer

MIN_BYTES: Final = 1024
THREAD_BYTES: Final = 65_536
"""From this size on packing would hold the event loop up for about a millisecond."""

_TEXTS: Final = (
    b"text/",
    b"application/json",
    b"application/problem+json",
    b"application/x-ndjson",
)
_LIVE: Final = b"text/event-stream"
_VARY: Final = (b"vary", b"accept-encoding")

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[MutableMapping[str, Any], Any, Send], Awaitable[None]]


def compressing(app: App) -> App:
    """The application with packed answers."""
    # its own: however many large answers there are, the node's other work waits for none of them
    threads = ThreadPoolExecutor(2, "packing")

    async def compressed(scope: MutableMapping[str, Any], receive: Any, send: Send) -> None:
        accepted = [value for name, value in scope["headers"] if name == b"accept-encoding"]
        coding = choose(b",".join(accepted).decode("latin-1"))
        await app(scope, receive, _Answer(coding, send, threads))

    return compressed


def choose(accepted: str) -> str | None:
    """The coding for an `Accept-Encoding`, None for none; what cannot be read counts as no."""
    qualities: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, rest = part.partition(";")
        qualities[name.strip()] = _quality(rest)
    other = qualities.get("*", 0.0)
    best = max(PREFERRED, key=lambda coding: qualities.get(coding, other))
    quality = qualities.get(best, other)
    return best if quality > 0 and quality >= qualities.get("identity", 0.0) else None


def _quality(parameters: str) -> float:
    """The `q` among a coding's parameters; 1 without one."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


class _Answer:
    """Takes an answer's messages; holds its head back until the first part is there."""

    def __init__(self, coding: str | None, send: Send, threads: Executor) -> None:
        self._coding = coding
        self._send = send
        self._threads = threads
        self._head: Message | None = None
        self._packer: Packer | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        head, self._head = self._head, None
        part, more = message.get("body", b""), bool(message.get("more_body"))
        if head is not None:
            head = self._begin(head, len(part), more)
        if self._packer is not None:
            part = await self._beside(self._packer.part if more else self._packer.end, part)
            message = {**message, "body": part}
            if head is not None and not more:
                head["headers"].append((b"content-length", b"%d" % len(part)))
        if head is not None:
            await self._send(head)
        await self._send(message)

    def _begin(self, head: Message, size: int, more: bool) -> Message:
        """The head as it leaves; from here on it is known whether the body is packed."""
        headers = [(name.lower(), value) for name, value in head.get("headers", ())]
        if not (more or size >= MIN_BYTES) or not _is_text(headers):
            return head
        headers.append(_VARY)
        if self._coding is not None:
            self._packer = Packer(self._coding)
            headers = [header for header in headers if header[0] != b"content-length"]
            headers.append((b"content-encoding", self._coding.encode()))
        return {**head, "headers": headers}

    async def _beside(self, step: Callable[[bytes], bytes], part: bytes) -> bytes:
        if len(part) < THREAD_BYTES:
            return step(part)
        return await asyncio.get_running_loop().run_in_executor(self._threads, step, part)


def _is_text(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the answer is worth packing, and not packed yet."""
    known = dict(headers)
    type_ = known.get(b"content-type", b"")
    return (
        b"content-encoding" not in known
        and type_.startswith(_TEXTS)
        and not type_.startswith(_LIVE)
    )
