"""JSON over HTTP from a server that may send anything."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
import msgspec

from event_system.kernel.unpacking import Unpacking

MAX_BYTES = 8 * 1024 * 1024
T = TypeVar("T")


class WebReader:
    """GETs below one address, whose user and password go into a header."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        user = unquote(parts.username) if parts.username else None
        self._client = httpx.AsyncClient(
            base_url=place_of(url),
            auth=None if user is None else (user, unquote(parts.password or "")),
            headers={"accept-encoding": "gzip"},
            timeout=timeout,
            limits=httpx.Limits(max_connections=1),
            trust_env=False,
        )

    async def get(self, path: str, shape: type[T], **query: str | int) -> T:
        """What is at the path. Raises `httpx.HTTPError`, and `ValueError` for what is no such JSON."""
        async with self._client.stream("GET", path, params=query) as answer:
            answer.raise_for_status()
            body = Unpacking(answer.headers.get("content-encoding", ""), MAX_BYTES)
            async for part in answer.aiter_raw():
                body.feed(part)
        return msgspec.json.decode(body.whole(), type=shape, strict=False)

    async def close(self) -> None:
        await self._client.aclose()


def place_of(url: str) -> str:
    """The address without user, password, query and trailing slash, to be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def number(value: Any) -> float | None:
    """A number; None for whatever else stands in its place."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain else None
