"""Who may ask, and with which parameters: checked before every route's handler.

All are coroutines: plain functions the framework would send to the loop's threads, all of which
listeners may hold.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from event_system.http.app import Services
from event_system.kernel.errors import InvalidQueryError, UnsupportedEncodingError

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

OPEN = "open"
"""Set to True in a route's `opt`, it lets anybody ask."""
UNPACKS = "unpacks"
"""Set to True in a route's `opt`: its body may have a content encoding."""
READS_QUERY = "reads_query"
"""Set to True in a route's `opt`: its query is checked by the one who answers it."""


def require_key(services: Services) -> Guard:
    """Let only those in who are known; raises `UnauthorizedError`."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        if not handler.opt.get(OPEN):
            services.identify(dict(connection.scope["headers"]))

    return guard


async def refuse_packed_bodies(connection: Connection, handler: BaseRouteHandler) -> None:
    """Only events may come packed; elsewhere a body would be taken for something malformed."""
    coding = dict(connection.scope["headers"]).get(b"content-encoding")
    if coding is not None and not handler.opt.get(UNPACKS):
        raise UnsupportedEncodingError(f"the body is encoded as {coding[:80].decode('latin-1')!r}")


async def refuse_unknown_parameters(connection: Connection, handler: BaseRouteHandler) -> None:
    """A misspelt parameter is refused by name instead of being ignored, a repeated one too.

    Open routes take none, and let pass what a load balancer may add.
    """
    query = connection.scope["query_string"]
    if not query or handler.opt.get(READS_QUERY) or handler.opt.get(OPEN):
        return
    known = _parameters(handler)
    seen: set[str] = set()
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            takes = ", ".join(sorted(known)) or "none"
            raise InvalidQueryError(
                f"no parameter {name[:80]!r} here; known: {takes}", where=name[:80]
            )
        if name in seen and not known[name]:
            raise InvalidQueryError(f"`{name}` is given twice", where=name)
        seen.add(name)


def _parameters(handler: BaseRouteHandler) -> dict[str, bool]:
    """The names of the parameters, and whether each may be repeated."""
    fields = handler.parsed_fn_signature.parameters
    return {
        field.kwarg_definition.name or name: field.is_non_string_sequence
        or any(inner.is_non_string_sequence for inner in field.inner_types)
        for name, field in fields.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }
