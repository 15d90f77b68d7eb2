"""Requests at a constant rate, however long each answer takes."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import urlsplit

from benchmarks.harness import KEY

CONNECTIONS = 16
SLOT_SECONDS = 0.005


def drive(url: str, *, per_second: int, seconds: int) -> None:
    """Send events at a rate over a few keep-alive connections, answers read as they come."""
    asyncio.run(_drive(url, per_second, seconds))


async def _drive(url: str, per_second: int, seconds: int) -> None:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    streams = [
        await asyncio.open_connection(parts.hostname, parts.port) for _ in range(CONNECTIONS)
    ]
    drains = [asyncio.create_task(_drain(reader)) for reader, _ in streams]
    started, sent = time.monotonic(), 0
    while sent < per_second * seconds:
        due = int((time.monotonic() - started) * per_second)
        while sent < due:
            streams[sent % CONNECTIONS][1].write(_request(sent))
            sent += 1
        await asyncio.sleep(SLOT_SECONDS / 5)
    await asyncio.sleep(0.5)
    for task in drains:
        task.cancel()
    for _, writer in streams:
        writer.close()


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _request(number: int) -> bytes:
    body = json.dumps(
        {
            "type": "player.login",
            "subject": f"player-{number % 500}",
            "id": f"{time.time_ns()}-{number}",
            "data": {"level": number % 80, "zone": "north-7"},
        }
    ).encode()
    head = (
        "POST /api/events/trigger HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
