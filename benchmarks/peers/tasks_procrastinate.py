"""FastAPI and Procrastinate over PostgreSQL with `synchronous_commit = on`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from procrastinate import App, PsycopgConnector

from benchmarks.ages import note, now_us

POOL = 16
connector = PsycopgConnector(
    conninfo=os.environ.get("PEER_SERVER", ""), min_size=POOL, max_size=POOL
)
app = App(connector=connector)


@app.task(name="handle")
async def handle(event: dict[str, Any]) -> None:
    note(event["sent"])


def api() -> FastAPI:
    @asynccontextmanager
    async def life(web: FastAPI) -> AsyncIterator[None]:
        async with app.open_async():
            yield

    web = FastAPI(lifespan=life)

    @web.post("/api/events/trigger")
    async def trigger(event: dict[str, Any]) -> dict[str, Any]:
        event["sent"] = now_us()
        await handle.defer_async(event=event)
        return {"id": event["id"]}

    return web


async def prepare() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def work() -> None:
    async with app.open_async():
        await app.run_worker_async(concurrency=POOL, delete_jobs="always")


if __name__ == "__main__":
    match sys.argv[1]:
        case "prepare":
            asyncio.run(prepare())
        case "work":
            asyncio.run(work())
        case port:
            uvicorn.run(api(), port=int(port), log_level="error", access_log=False)
