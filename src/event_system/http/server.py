"""Listening sockets: the node's HTTP server over `IngestProtocol`, and one for metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from event_system.http.connection import BoundedProtocol, Housekeeping
from event_system.http.ingest import Ingest
from event_system.http.protocol import IngestProtocol

BACKLOG = 2048
SERVER_HEADER = (b"server", b"event-system")
_log = logging.getLogger(__name__)


class HttpServer:
    """One listening socket. `port` is the real one once started."""

    def __init__(
        self,
        app: Any,
        now: Callable[[], float],
        house: Housekeeping,
        ingest: Ingest | None = None,
    ) -> None:
        self.port = 0
        self._now = now
        self._house = house
        self._state = ServerState()
        self._config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", http="httptools"
        )
        self._config.timeout_keep_alive = house.settings.keep_alive  # type: ignore[assignment]
        self._config.load()
        self._protocol: Callable[..., BoundedProtocol] = (
            partial(BoundedProtocol, house)
            if ingest is None
            else partial(IngestProtocol, ingest, house)
        )
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises `OSError` where the address cannot be had."""
        self.tick()
        loop = asyncio.get_running_loop()
        make = partial(self._protocol, config=self._config, server_state=self._state, app_state={})
        self._server = await loop.create_server(make, host, port, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]

    def tick(self) -> None:
        """Renew the date header and end connections that take too long; once a second."""
        date = formatdate(self._now(), usegmt=True).encode()
        self._state.default_headers = [(b"date", date), SERVER_HEADER]
        self._house.tick(self._state.default_headers)

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing more, answer what was asked, then close every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(grace_seconds):
                while self._state.connections or self._state.tasks:  # noqa: ASYNC110 - at the end only
                    await asyncio.sleep(0.01)
        except TimeoutError:
            left = len(self._state.connections)
            _log.warning("%d connections were still busy at the end of the grace", left)
            self._abort()

    def _abort(self) -> None:
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
