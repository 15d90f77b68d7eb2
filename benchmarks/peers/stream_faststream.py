"""FastAPI and FastStream over JetStream with `sync_interval: always`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from faststream import FastStream
from faststream.nats import JStream, NatsBroker, PullSub

from benchmarks.ages import note, now_us

SUBJECT = "events.all"
STREAM = JStream("events", subjects=[SUBJECT])
broker = NatsBroker(os.environ.get("PEER_SERVER", "nats://127.0.0.1:1"), logger=None)


async def handle(event: dict[str, Any]) -> None:
    note(event["sent"])


def api() -> FastAPI:
    publisher = broker.publisher(SUBJECT, stream=STREAM)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await broker.start()
        yield
        await broker.stop()

    web = FastAPI(lifespan=life)

    @web.post("/api/events/trigger")
    async def trigger(event: dict[str, Any]) -> dict[str, Any]:
        event["sent"] = now_us()
        await publisher.publish(event)
        return {"id": event["id"]}

    return web


async def work() -> None:
    pull = PullSub(batch_size=200)
    broker.subscriber(SUBJECT, stream=STREAM, durable="worker", pull_sub=pull)(handle)
    await FastStream(broker, logger=None).run()


if __name__ == "__main__":
    if sys.argv[1] == "work":
        asyncio.run(work())
    else:
        uvicorn.run(api(), port=int(sys.argv[1]), log_level="error", access_log=False)
