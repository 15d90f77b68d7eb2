"""FastAPI and NATS JetStream with `sync_interval: always`: the publish is acknowledged on disk."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
import uvicorn
from fastapi import FastAPI, Request
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from benchmarks.ages import note, now_us

STREAM, SUBJECT = "events", "events.all"


def api(server: str) -> FastAPI:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        connection = await nats.connect(server)
        app.state.js = connection.jetstream()
        config = StreamConfig(STREAM, subjects=[SUBJECT], storage=StorageType.FILE)
        await app.state.js.add_stream(config)
        yield
        await connection.close()

    app = FastAPI(lifespan=life)

    @app.post("/api/events/trigger")
    async def trigger(request: Request) -> dict[str, Any]:
        event = await request.json()
        event["sent"] = now_us()
        headers = {"Nats-Msg-Id": event["id"]}
        stored = await request.app.state.js.publish(
            SUBJECT, json.dumps(event).encode(), headers=headers
        )
        return {"id": event["id"], "offset": stored.seq, "duplicate": bool(stored.duplicate)}

    return app


async def work(server: str) -> None:
    connection = await nats.connect(server)
    js = connection.jetstream()
    config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, max_ack_pending=10_000)
    consumer = await js.pull_subscribe(SUBJECT, durable="worker", stream=STREAM, config=config)
    while True:
        try:
            messages = await consumer.fetch(200, timeout=1)
        except TimeoutError:
            continue
        for message in messages:
            note(json.loads(message.data)["sent"])
            await message.ack()


if __name__ == "__main__":
    role, address, port = sys.argv[1:4]
    if role == "api":
        uvicorn.run(api(address), port=int(port), log_level="error", access_log=False)
    else:
        import uvloop

        uvloop.run(work(address))
