"""JSON of a server that may send anything."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cramjam
import pytest

from event_system.collectors.web import MAX_BYTES, WebReader


@asynccontextmanager
async def answering(body: bytes, encoding: str) -> AsyncIterator[WebReader]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Encoding: {encoding}\r\n\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    reader = WebReader(f"http://{host}:{port}", 60.0)
    try:
        yield reader
    finally:
        await reader.close()
        server.close()


@pytest.mark.parametrize(("body", "encoding"), [(b"[1]", ""), (gzip.compress(b"[1]"), "gzip")])
async def test_an_answer_is_read_plain_and_packed(body: bytes, encoding: str) -> None:
    async with answering(body, encoding) as reader:
        assert await reader.get("/", list[int]) == [1]


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(b" " * (MAX_BYTES + 1)), "gzip", "larger than"),
        (b" " * (MAX_BYTES + 1), "", "larger than"),
        (bytes(cramjam.zstd.compress(b"[1]")), "zstd", "not asked for"),
    ],
)
async def test_a_bomb_is_refused(body: bytes, encoding: str, said: str) -> None:
    async with answering(body, encoding) as reader:
        with pytest.raises(ValueError, match=said):
            await reader.get("/", list[int])
