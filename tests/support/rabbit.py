"""Streams on the RabbitMQ server of this machine."""

from __future__ import annotations

import asyncio

import aiormq

from event_system.eventlog.rabbitmq.connection import Access, Brokers
from event_system.eventlog.rabbitmq.stream import RabbitStream

SERVER = "amqp://127.0.0.1:5672"
ACCESS = Access((SERVER,), "guest", "guest")


class RabbitStreams:
    """Makes clients of streams, which are deleted in the end."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def make(self, name: str) -> RabbitStream:
        self._names.add(name)
        return RabbitStream(Brokers(ACCESS), name, replicas=1)

    def close(self) -> None:
        if self._names:
            asyncio.run(delete_queues(*self._names))


async def delete_queues(*names: str) -> None:
    connection = await aiormq.connect("amqp://guest:guest@127.0.0.1:5672/")
    channel = await connection.channel()
    for name in names:
        await channel.queue_delete(name)
    await connection.close()
