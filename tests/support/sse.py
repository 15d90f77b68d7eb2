"""Reads server-sent events as an EventSource would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.waiting import PATIENCE_SECONDS


@dataclass(frozen=True)
class Sent:
    """One dispatched event."""

    kind: str
    id: str
    data: Any

    @property
    def offset(self) -> int:
        return int(self.data["offset"])


class Reader:
    """Events of one open stream; `last_id` and `comments` are kept as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.response = response
        self.last_id = ""
        self.comments = 0

    async def next(self) -> Sent:
        """The next event. Raises `StopAsyncIteration` when the stream has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._next()

    async def _next(self) -> Sent:
        kind, data = "message", []
        while True:
            line = await self._line()
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif not line and data:
                return Sent(kind, self.last_id, json.loads("\n".join(data)))
            elif not line:
                kind = "message"

    async def _line(self) -> str:
        line = await anext(self._lines)
        if line.startswith(":"):
            self.comments += 1
        elif line.startswith("id: "):
            self.last_id = line[4:]
        return line

    async def heartbeat(self) -> None:
        """Wait for a whole comment."""
        before = self.comments
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._line() or self.comments == before:
                pass

    async def ended(self) -> bool:
        """Wait for the end of the stream; False if an event comes first."""
        try:
            await self.next()
        except StopAsyncIteration:
            return True
        return False


@asynccontextmanager
async def following(
    client: httpx.AsyncClient, path: str = "/api/events/stream", **options: Any
) -> AsyncIterator[Reader]:
    """An open stream, ready: whatever is stored from now on comes."""
    async with client.stream("GET", path, **options) as response:
        assert response.status_code == 200
        yield Reader(response)
