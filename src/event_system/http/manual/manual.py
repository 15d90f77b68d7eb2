"""The pages and the document behind them, each made once, when first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any, Final, TypeVar

import msgspec

from event_system.kernel.threads import in_thread

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
T = TypeVar("T")


class Manual:
    """What `/openapi.json` and `/docs` show. `document` makes the OpenAPI document."""

    def __init__(self, document: Callable[[], Mapping[str, Any]]) -> None:
        self._make = document
        self._lock = asyncio.Lock()

    async def openapi(self) -> bytes:
        """The OpenAPI document as JSON."""
        return await self._in_thread(lambda: self._json)

    async def overview(self) -> str:
        """The page of all routes and shapes."""
        return await self._in_thread(lambda: self._overview)

    async def errors(self) -> str:
        """The page of all errors."""
        return await self._in_thread(lambda: self._errors)

    async def _in_thread(self, make: Callable[[], T]) -> T:
        """Make it beside the event loop; the lock keeps two askers from both making it."""
        async with self._lock:
            return await in_thread(make)

    @cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(self._make())

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        document: Mapping[str, Any] = msgspec.json.decode(self._json)
        return document

    @cached_property
    def _overview(self) -> str:
        from event_system.http.manual.rendering import overview  # loads the template engine

        return overview(self._document)

    @cached_property
    def _errors(self) -> str:
        from event_system.http.manual.rendering import errors  # loads the template engine

        return errors(self._document["info"])


def style() -> str:
    """The style sheet of the pages."""
    return (files("event_system.http.manual") / "pages" / "style.css").read_text("utf-8")
