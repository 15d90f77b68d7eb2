"""What every connection has to keep to: how many there are, and how long each may take.

`BoundedProtocol` is uvicorn's httptools protocol with these limits; the one of the hot routes
builds on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from event_system.http.problems import MEDIA_TYPE, problem_body, problem_header_lines
from event_system.kernel.errors import EventSystemError, TooManyConnectionsError

NEVER = float("inf")
_EASED = 0.9
"""Of the limit: below it the next refusal of a connection is news again."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HttpSettings:
    """Seconds a client may take, bytes that a body may have, and connections at once."""

    header_timeout: float = 10.0
    body_timeout: float = 30.0
    keep_alive: float = 30.0
    max_body_size: int = 16 * 1024 * 1024
    max_connections: int = 16_384


def unnoted(_route: bytes, _seconds: float, _size: int) -> None:
    """Where nobody wants to know."""


@dataclass(slots=True)
class Housekeeping:
    """What all connections share: a coarse clock, a date header, and one sweep a second.

    `accepted` counts connections, `turned_away` those that were refused as there were too many,
    `ended` those whose request was refused before it was whole, `lost` those that broke. `note`
    takes answers of the hot routes: path, seconds, bytes.
    """

    settings: HttpSettings
    monotonic: Callable[[], float]
    connections: set[BoundedProtocol] = field(default_factory=set)
    note: Callable[[bytes, float, int], None] = unnoted
    accepted: int = 0
    turned_away: int = 0
    ended: int = 0
    lost: int = 0
    now: float = 0.0
    head: bytes = b""
    _told: bool = False

    def tick(self, default_headers: list[tuple[bytes, bytes]]) -> None:
        """Called about once a second: renew the clock, end connections that take too long."""
        self.now = self.monotonic()
        lines = b"".join(b"%b: %b\r\n" % header for header in default_headers)
        self.head = lines + b"content-type: "
        for connection in [c for c in self.connections if c.deadline < self.now]:
            connection.time_out()
        if self._told and len(self.connections) < _EASED * self.settings.max_connections:
            self._told = False
            _log.info("connections are accepted again")

    def welcome(self, connection: BoundedProtocol) -> None:
        """Count a new connection. Raises `TooManyConnectionsError`; the log has the first."""
        limit = self.settings.max_connections
        if len(self.connections) < limit:
            self.connections.add(connection)
            self.accepted += 1
            return
        self.turned_away += 1
        error = TooManyConnectionsError(f"{limit} connections are open")
        if not self._told:
            self._told = True
            context = {"code": error.code, "connections": limit}
            _log.warning("%s. %s", error.detail, error.remedy, extra={"context": context})
        raise error


class BoundedProtocol(HttpToolsProtocol):
    """One connection; `deadline` is when it has taken too long."""

    def __init__(
        self,
        house: Housekeeping,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.deadline = NEVER
        self.house = house

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.deadline = self.house.now + self.house.settings.header_timeout
        try:
            self.house.welcome(self)
        except TooManyConnectionsError as error:
            self.turn_away(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.house.connections.discard(self)
        self.house.lost += exc is not None
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.deadline = self.house.now + self.house.settings.header_timeout

    def on_message_complete(self) -> None:
        self.deadline = NEVER
        super().on_message_complete()

    def time_out(self) -> None:
        """The client took too long."""
        self.deadline = NEVER
        self.transport.close()

    def turn_away(self, error: EventSystemError) -> None:
        """Answer a connection before it asks, and close it."""
        body = problem_body(error)
        self.transport.write(
            b"%b%b%b\r\ncontent-length: %d%b\r\nconnection: close\r\n\r\n%b"
            % (
                *(STATUS_LINE[error.status], self.house.head, MEDIA_TYPE.encode(), len(body)),
                *(problem_header_lines(error.status), body),
            )
        )
        self.transport.close()
