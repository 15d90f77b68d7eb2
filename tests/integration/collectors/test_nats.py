"""What a NATS server says of itself, its streams and their consumers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import nats
import pytest

from event_system.collectors.board import Board
from event_system.collectors.collector import ServerCollector
from event_system.collectors.figures import QUEUE, QUEUE_LABELS, QUEUE_UP
from event_system.collectors.jetstream import JetstreamReader
from event_system.collectors.nats import NatsReader
from event_system.metrics.manager import MetricsManager
from tests.support.nats import NatsServer, nats_servers
from tests.support.waiting import PATIENCE_SECONDS
from tools.ports import free_port


@pytest.fixture
def urls() -> Iterator[tuple[str, str]]:
    """The client's address of a server, and that of its monitoring."""
    port = free_port()
    with nats_servers(extra=f'\nhttp: "127.0.0.1:{port}"\n') as servers:
        yield servers.urls[0], f"http://127.0.0.1:{port}"


async def test_streams_and_consumers_are_queues(urls: tuple[str, str]) -> None:
    client = await nats.connect(urls[0])
    stream = client.jetstream()
    await stream.add_stream(name="work", subjects=["work.>"])
    await stream.add_stream(name="work_dead", subjects=["dead.>"])
    consumer = await stream.pull_subscribe("work.>", durable="smith")
    for number in range(5):
        await stream.publish("work.iron", str(number).encode())
    await stream.publish("dead.iron", b"x")
    for message in await consumer.fetch(2, timeout=30):
        await message.ack_sync()
    reader = NatsReader(urls[1], dead=["*dead*"], timeout=30.0, monotonic=time.monotonic)

    await reader.read()
    for message in await consumer.fetch(1, timeout=30):
        await message.ack_sync()
    found = {sample[::2]: sample.value for sample in await reader.read()}
    await reader.close()
    await client.close()

    at = ("work/smith",)
    assert found["queue_depth", at] == 2
    assert found["queue_delivered_total", at] == 3
    assert found["queue_unacknowledged", at] == 0
    assert found["queue_latency_seconds", at] > 0
    assert found["queue_stored_messages", ("work",)] == 5
    assert found["queue_dead_letters", ("work_dead",)] == 1
    assert ("queue_dead_letters", ("work",)) not in found
    assert found["queue_server_connections", ()] == 1
    assert {name for name, _ in found} <= {figure.name for figure in QUEUE}


async def test_a_server_that_is_away_or_no_nats_is_an_error(urls: tuple[str, str]) -> None:
    for wrong in ("http://127.0.0.1:1", f"{urls[1]}/nowhere"):
        reader = NatsReader(wrong, dead=[], timeout=30.0, monotonic=time.monotonic)
        with pytest.raises(Exception, match=r"refused|failed|404"):
            await reader.read()
        await reader.close()


async def test_streams_are_seen_over_a_client_too(urls: tuple[str, str]) -> None:
    client = await nats.connect(urls[0])
    stream = client.jetstream()
    await stream.add_stream(name="work", subjects=["work"])
    await stream.add_stream(name="work_dead", subjects=["dead"])
    consumer = await stream.pull_subscribe("work", durable="smith")
    for subject in ("work", "work", "dead"):
        await stream.publish(subject, b"x")
    for message in await consumer.fetch(1, timeout=30):
        await message.ack_sync()
    reader = JetstreamReader(
        {"servers": [urls[0]]}, dead=["*dead*"], timeout=30.0, monotonic=time.monotonic
    )

    found = {sample[::2]: sample.value for sample in await reader.read()}
    await reader.close()
    await client.close()

    assert found["queue_depth", ("work/smith",)] == 1
    assert found["queue_delivered_total", ("work/smith",)] == 1
    assert found["queue_stored_messages", ("work",)] == 2
    assert found["queue_dead_letters", ("work_dead",)] == 1
    assert {name for name, _ in found} <= {figure.name for figure in QUEUE}


def _again(server: NatsServer) -> None:
    server.start()
    server.wait()


async def test_a_backbone_that_is_killed_is_down_and_comes_back() -> None:
    with nats_servers() as servers:
        board = Board(MetricsManager(), QUEUE_LABELS, QUEUE)
        reader = JetstreamReader(
            {"servers": list(servers.urls)}, dead=[], timeout=1.0, monotonic=time.monotonic
        )
        collector = ServerCollector(board, reader, up=QUEUE_UP, server=("nats", "s"), timeout=1.0)
        (server,) = servers.servers
        steps: tuple[tuple[Callable[[], None], float], ...] = (
            (lambda: None, 1.0),
            (server.stop, 0.0),
            (lambda: _again(server), 1.0),
        )
        for step, up in steps:
            step()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while board._of(QUEUE_UP) != {("nats", "s"): up}:
                assert time.monotonic() < deadline
                await collector.collect(MetricsManager())
        await collector.close()
