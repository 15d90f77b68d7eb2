"""Who may ask, and with which parameters: checked before every route's handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from event_system.http.app import Services
from event_system.kernel.errors import InvalidQueryError

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], None]

OPEN = "open"
"""Set to True in a route's `opt`, it lets anybody ask."""
READS_QUERY = "reads_query"
"""Set to True in a route's `opt`: its query is checked by the one who answers it."""


def require_key(services: Services) -> Guard:
    """Let only those in who are known; raises `UnauthorizedError`."""

    def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        if not handler.opt.get(OPEN):
            services.identify(dict(connection.scope["headers"]))

    return guard


def refuse_unknown_parameters(connection: Connection, handler: BaseRouteHandler) -> None:
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
        if name in seen:
            raise InvalidQueryError(f"`{name}` is given twice", where=name)
        seen.add(name)


def _parameters(handler: BaseRouteHandler) -> frozenset[str]:
    fields = handler.parsed_fn_signature.parameters
    return frozenset(
        field.kwarg_definition.name or name
        for name, field in fields.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    )
