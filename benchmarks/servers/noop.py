"""The product's own protocol with a route that does nothing: `python -m benchmarks.servers.noop PORT`."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import uvloop

from event_system.delivery.backlog import Backlog
from event_system.events.limiter import Limiter
from event_system.http.admission import Admission, AdmissionSettings
from event_system.http.answer import Answer, Reply
from event_system.http.connection import Housekeeping, HttpSettings
from event_system.http.ingest import Ingest, IngestSettings, Route
from event_system.http.reading import Headers
from event_system.http.server import HttpServer

ANSWER = Answer(200, b'{"id":"01a1fc3329ae0000b83cf912a6ff90fc","offset":12345,"duplicate":false}')
LIMIT = 1024 * 1024


class Noop(Ingest):
    """Answers at once."""

    def __init__(self) -> None:
        self.settings = IngestSettings()
        limiter, backlog = Limiter(time.monotonic), Backlog(dict, time.monotonic, LIMIT)
        self.admission = Admission(AdmissionSettings(), limiter, backlog)

    def body_limit(self, route: Route) -> int:
        return LIMIT

    def handle(
        self, route: Route, query: bytes, headers: Headers, body: bytes, reply: Reply
    ) -> None:
        reply(ANSWER)


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("only the hot route is served here")


async def main(port: int) -> None:
    house = Housekeeping(HttpSettings(), time.monotonic)
    server = HttpServer(_nothing, time.time, house, Noop())
    await server.start("127.0.0.1", port)
    while True:
        await asyncio.sleep(1)
        server.tick()


uvloop.run(main(int(sys.argv[1])))
