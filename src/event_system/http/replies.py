"""Successful answers with content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response

_encode = msgspec.json.Encoder().encode
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def json_reply(content: Any, status: int = 200) -> Response[bytes]:
    """JSON of whatever msgspec can encode; `Raw` members stay as they are."""
    return Response(
        _encode(content), status_code=status, media_type="application/json", headers=_HEADERS
    )


def text_reply(text: str | bytes, media_type: str, headers: Mapping[str, str]) -> Response[bytes]:
    """UTF-8 text; the framework adds the charset to `text/…`."""
    body = text.encode() if isinstance(text, str) else text
    return Response(body, media_type=media_type, headers={**_HEADERS, **headers})
