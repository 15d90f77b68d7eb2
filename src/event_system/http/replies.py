"""Successful answers with content."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from litestar import Response
from litestar.response import Stream

_encode = msgspec.json.Encoder().encode
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def json_reply(content: Any, status: int = 200) -> Response[bytes]:
    """JSON of whatever msgspec can encode; `Raw` members stay as they are."""
    return Response(
        _encode(content), status_code=status, media_type="application/json", headers=_HEADERS
    )


def json_stream(pages: AsyncIterator[Sequence[Any]]) -> Stream:
    """A JSON array of what comes in pages, each sent before the next is made."""
    return Stream(_pages(pages), media_type="application/json", headers=_HEADERS)


async def _pages(pages: AsyncIterator[Sequence[Any]]) -> AsyncIterator[bytes]:
    """`[…, …]`: each page is the inside of an encoded array."""
    before = b"["
    async for page in pages:
        if page:
            yield before + _encode(page)[1:-1]
            before = b","
    yield b"]" if before == b"," else b"[]"


def text_reply(text: str | bytes, media_type: str, headers: Mapping[str, str]) -> Response[bytes]:
    """UTF-8 text; the framework adds the charset to `text/…`."""
    body = text.encode() if isinstance(text, str) else text
    return Response(body, media_type=media_type, headers={**_HEADERS, **headers})
