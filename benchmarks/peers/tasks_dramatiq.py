"""FastAPI and Dramatiq, over Redis with `appendfsync always` or RabbitMQ with confirms."""

from __future__ import annotations

import os
import sys
from typing import Any

import dramatiq
import uvicorn
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from fastapi import FastAPI

from benchmarks.ages import note, now_us

server, queue = os.environ.get("PEER_SERVER", "redis://127.0.0.1:1/0"), os.environ.get("PEER_QUEUE")
if server.startswith("amqp"):
    dramatiq.set_broker(RabbitmqBroker(url=server, confirm_delivery=True))
else:
    dramatiq.set_broker(RedisBroker(url=server))


@dramatiq.actor(queue_name=queue or "default")
def handle(event: dict[str, Any]) -> None:
    note(event["sent"])


def api() -> FastAPI:
    web = FastAPI()

    @web.post("/api/events/trigger")
    def trigger(event: dict[str, Any]) -> dict[str, Any]:
        event["sent"] = now_us()
        handle.send(event)
        return {"id": event["id"]}

    return web


if __name__ == "__main__":
    uvicorn.run(api(), port=int(sys.argv[1]), log_level="error", access_log=False)
