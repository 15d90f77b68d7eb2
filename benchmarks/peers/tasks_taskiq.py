"""FastAPI and Taskiq over JetStream with `sync_interval: always`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from taskiq_nats import PullBasedJetStreamBroker

from benchmarks.ages import note, now_us

broker = PullBasedJetStreamBroker(
    os.environ.get("PEER_SERVER", "nats://127.0.0.1:1"),
    stream_name="tasks",
    durable="worker",
    pull_consume_batch=100,
)


@broker.task(task_name="handle")
async def handle(event: dict[str, Any]) -> None:
    note(event["sent"])


def api() -> FastAPI:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await broker.startup()
        yield
        await broker.shutdown()

    web = FastAPI(lifespan=life)

    @web.post("/api/events/trigger")
    async def trigger(event: dict[str, Any]) -> dict[str, Any]:
        event["sent"] = now_us()
        await handle.kiq(event)
        return {"id": event["id"]}

    return web


if __name__ == "__main__":
    uvicorn.run(api(), port=int(sys.argv[1]), log_level="error", access_log=False)
