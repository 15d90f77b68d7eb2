"""What a RabbitMQ says of itself by its management plugin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from event_system.collectors.figures import QUEUE
from event_system.collectors.rabbitmq import RabbitmqReader
from tests.support.rabbitmq_management import rabbitmq_management
from tests.support.waiting import until

pytestmark = pytest.mark.service("rabbitmq")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with rabbitmq_management() as url:
        yield url


def reader_of(url: str) -> RabbitmqReader:
    return RabbitmqReader(url, dead=["*dead*"], timeout=30.0, monotonic=time.monotonic)


def _prepare(url: str) -> None:
    """A queue with three messages, of which one was taken, and one message in its grave."""
    with httpx.Client(base_url=url, timeout=30) as client:
        dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave"}
        for name, arguments in (("work", dead), ("grave", {})):
            body = {"durable": True, "arguments": arguments}
            client.put(f"/api/queues/%2F/{name}", json=body).raise_for_status()
        for name in ("work", "work", "work", "work", "grave"):
            message = {"routing_key": name, "payload": "x", "payload_encoding": "string"}
            publish = "/api/exchanges/%2F/amq.default/publish"
            client.post(publish, json={**message, "properties": {}}).raise_for_status()
        take = {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"}
        client.post("/api/queues/%2F/work/get", json=take).raise_for_status()


async def test_queues_and_nodes_are_told(url: str) -> None:
    await asyncio.to_thread(_prepare, url)
    reader = reader_of(url)
    at = ("work",)
    wanted = {
        ("queue_depth", at): 3,
        ("queue_delivered_total", at): 1,
        ("queue_consumers", at): 0,
        ("queue_published_total", at): 4,
        ("queue_dead_letters", ("grave",)): 1,
    }
    found: dict[tuple[str, tuple[str, ...]], float] = {}

    async def told() -> bool:  # each statistic comes a little later, by itself
        found.clear()
        found.update({(name, labels): value for name, value, labels in await reader.read()})
        is_server_told = any(name == "queue_server_memory_max_bytes" for name, _ in found)
        return is_server_told and found.items() >= wanted.items()

    await until(told)
    await reader.close()

    names = {name for name, _ in found}
    assert ("queue_dead_letters", at) not in found
    alarms = {labels[1]: value for (name, labels), value in found.items() if "alarms" in name}
    assert alarms.keys() == {"memory", "disk", "down"}
    assert alarms["down"] == 0
    assert names <= {figure.name for figure in QUEUE}


async def test_a_wrong_password_is_an_error_that_does_not_tell_it(url: str) -> None:
    reader = reader_of(url.replace("guest:guest", "guest:secret"))

    with pytest.raises(httpx.HTTPStatusError) as caught:
        await reader.read()
    await reader.close()

    assert "secret" not in str(caught.value)
