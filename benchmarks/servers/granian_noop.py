"""Granian's RSGI with a route that does nothing: `python -m benchmarks.servers.granian_noop PORT`."""

from __future__ import annotations

import sys
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops

BODY = b'{"id":"01a1fc3329ae0000b83cf912a6ff90fc","offset":12345,"duplicate":false}'
HEADERS = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:
    await protocol()
    protocol.response_bytes(200, HEADERS, BODY)


if __name__ == "__main__":
    Granian(
        "benchmarks.servers.granian_noop:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        workers=1,
        loop=Loops.uvloop,
        log_enabled=False,
        backpressure=2048,
    ).serve()
