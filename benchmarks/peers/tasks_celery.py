"""FastAPI and Celery over Redis with `appendfsync always`."""

from __future__ import annotations

import os
import sys
from typing import Any

import uvicorn
from celery import Celery
from fastapi import FastAPI

from benchmarks.ages import note, now_us

app = Celery("peer", broker=os.environ.get("PEER_SERVER", "redis://127.0.0.1:1/0"))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    worker_send_task_events=False,
    broker_pool_limit=64,
)


@app.task(name="handle")
def handle(event: dict[str, Any]) -> None:
    note(event["sent"])


def api() -> FastAPI:
    web = FastAPI()

    @web.post("/api/events/trigger")
    def trigger(event: dict[str, Any]) -> dict[str, Any]:
        event["sent"] = now_us()
        handle.delay(event)
        return {"id": event["id"]}

    return web


if __name__ == "__main__":
    uvicorn.run(api(), port=int(sys.argv[1]), log_level="error", access_log=False)
