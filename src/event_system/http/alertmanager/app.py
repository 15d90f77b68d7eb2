"""Puts the application together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import Litestar
from litestar.datastructures import State

from event_system.http.alertmanager.errors import HANDLERS
from event_system.http.alertmanager.own import OWN
from event_system.http.alertmanager.routes import ROUTES
from event_system.http.alertmanager.services import ApiServices


def build(
    services: ApiServices, reload: Callable[[], Awaitable[None]], prefix: str = "/"
) -> Litestar:
    """The application of a process that does only this, below a prefix of paths.

    `reload` raises `EventSystemError`.
    """
    return Litestar(
        [*ROUTES, *OWN],
        path=prefix,
        state=State({"alerting": lambda: services, "reload": reload}),
        exception_handlers=HANDLERS,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
    )
