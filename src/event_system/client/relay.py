"""Asks another node in the place of somebody who has asked this one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import httpx

from event_system.kernel.errors import AlertingAwayError

PATIENCE_SECONDS: Final = 20.0
MAX_ANSWER: Final = 256 * 1024 * 1024
KEPT: Final = (
    *("content-type", "retry-after", "www-authenticate", "etag", "cache-control"),
    *("location", "content-disposition", "vary", "referrer-policy", "content-security-policy"),
    *("x-frame-options", "x-robots-tag"),
)
"""The headers of an answer that are brought back."""


class Relay:
    """Connections to other nodes, made at their first use; `close` at the end."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def ask(
        self, address: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body. `address` is a URL, or a host and a port.

        Raises `AlertingAwayError` where there is no answer in time.
        """
        url = address if "://" in address else f"http://{address}"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._opened().request(
                    method, url.rstrip("/") + target, headers=dict(headers), content=body
                )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            told = str(error) or type(error).__name__
            raise AlertingAwayError(f"{address} gives no answer: {told}") from error
        kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
        return answer.status_code, kept, answer.content

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=httpx.Timeout(PATIENCE_SECONDS))
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
