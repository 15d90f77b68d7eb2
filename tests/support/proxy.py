"""A proxy that does to requests and answers whatever a bad network and its boxes do."""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

from tests.support.listening import Listening

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 11\r\n\r\n<h1>no</h1>"
FAULTS: Final = (
    "delays the request",
    "delays the answer",
    "drops the request",
    "drops the answer",
    "doubles the request",
    "doubles the answer",
    "delivers the request late",
    "cuts the request",
    "cuts the answer",
    "ends the answer early",
    "answers itself",
)
LONGEST_DELAY = 0.3
_GONE = (OSError, asyncio.IncompleteReadError)
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy(Listening):
    """Stands before a node's port; each request meets a fault or none, as the seed has it.

    `share` of all requests meet one; `silence` is after how many seconds a connection is closed
    on which nothing more will come (None: never). `met` counts what happened. A target that
    does not listen is a connection that breaks.
    """

    def __init__(
        self,
        target: Callable[[], int],
        seed: int = 0,
        *,
        share: float = 0.5,
        silence: float | None = None,
        faults: Sequence[str] = FAULTS,
    ) -> None:
        super().__init__()
        self.met = Counter[str]()
        self._target = target
        self._random = random.Random(seed)
        self._share = share
        self._silence = silence
        self._faults = faults

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await read_message(reader)
                faulty = self._random.random() < self._share
                fault = self._random.choice(self._faults) if faulty else "nothing"
                self.met[fault] += 1
                await self._pass(fault, request, writer)
        except ConnectionAbortedError:
            pass  # an answer ended early
        except _GONE:
            reset(writer)
        finally:
            writer.close()

    async def _pass(self, fault: str, request: bytes, writer: asyncio.StreamWriter) -> None:
        delay = self._random.random() * LONGEST_DELAY
        if fault == "delays the request":
            await asyncio.sleep(delay)
        if fault == "doubles the request":
            self._spawn(self._deliver(request, 0.0))
        if fault == "delivers the request late":
            self._spawn(self._deliver(request, delay))
            reset(writer)
        elif fault == "drops the request":
            await self._keep_silent()
        elif fault == "cuts the request":
            await self._cut(request)
            reset(writer)
        elif fault == "answers itself":
            writer.write(BAD_GATEWAY)
        else:
            await self._answer(fault, request, writer, delay)

    async def _answer(
        self, fault: str, request: bytes, writer: asyncio.StreamWriter, delay: float
    ) -> None:
        async with self._connected() as (reader, upstream):
            upstream.write(request)
            if fault == "drops the answer":
                await read_message(reader)
                await self._keep_silent()
            elif fault in ("cuts the answer", "ends the answer early"):
                await self._relay_a_part(reader, writer)
                if fault == "cuts the answer":
                    reset(writer)
                raise ConnectionAbortedError(fault)
            await self._relay(fault, reader, writer, delay)

    async def _relay(
        self, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float
    ) -> None:
        head = await read_head(reader)
        found = LENGTH.search(head)
        if found is None:  # chunks or a stream: pass on what comes
            writer.write(head)
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
            raise ConnectionAbortedError("the stream has ended")
        answer = head + await reader.readexactly(int(found[1]))
        if fault == "delays the answer":
            await asyncio.sleep(delay)
        writer.write(answer * 2 if fault == "doubles the answer" else answer)
        await writer.drain()

    async def _relay_a_part(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Some of the first bytes that come; a stream is cut wherever it is by then."""
        first = await reader.read(65_536)
        writer.write(first[: self._random.randrange(len(first) + 1)])
        await writer.drain()

    async def _cut(self, request: bytes) -> None:
        async with self._connected() as (_, upstream):
            upstream.write(request[: self._random.randrange(1, len(request))])
            await upstream.drain()
            reset(upstream)

    async def _deliver(self, request: bytes, delay: float) -> None:
        """Bring a request to the node on a way of its own; nobody gets the answer."""
        await asyncio.sleep(delay)
        with suppress(*_GONE):
            async with self._connected() as (reader, upstream):
                upstream.write(request)
                await read_message(reader)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Streams]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target())
        try:
            yield reader, writer
        finally:
            writer.close()

    async def _keep_silent(self) -> None:
        await asyncio.sleep(3600 if self._silence is None else self._silence)
        raise ConnectionAbortedError("silence")


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """A whole request or answer whose length is told."""
    head = await read_head(reader)
    found = LENGTH.search(head)
    return head + (await reader.readexactly(int(found[1])) if found else b"")


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crash does: RST, and what was not read is lost."""
    plain = writer.get_extra_info("socket")
    if plain is not None:
        with suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
