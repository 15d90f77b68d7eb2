"""What a Redis server says of itself, and what happens when it says nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import redis.asyncio

from event_system.collectors.board import Board
from event_system.collectors.collector import ServerCollector
from event_system.collectors.figures import REDIS, REDIS_LABELS, REDIS_UP
from event_system.collectors.redis import RedisReader
from event_system.metrics.manager import MetricsManager
from tests.support.redis import PrivateRedis, private_redis
from tests.support.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.service("redis")


@pytest.fixture
def server() -> Iterator[PrivateRedis]:
    with private_redis() as server:
        yield server


def reader_of(server: PrivateRedis, timeout: float = 30.0) -> RedisReader:
    return RedisReader(server.url, timeout=timeout, monotonic=time.monotonic)


async def test_a_server_tells_all_figures(server: PrivateRedis) -> None:
    reader = reader_of(server)
    async with redis.asyncio.Redis.from_url(server.url) as client:
        await client.set("kept", 1)
        await client.set("ending", 1, ex=600)
        await client.get("kept")
        await client.get("absent")

        found = {sample[::2]: sample.value for sample in await reader.read()}
    await reader.close()

    assert {name for name, _ in found} == {figure.name for figure in REDIS} - {REDIS_UP}
    assert found["redis_server_keys", ("0",)] == 2
    assert found["redis_server_keys_expiring", ("0",)] == 1
    assert found["redis_server_hits_total", ()] == 1
    assert found["redis_server_misses_total", ()] == 1
    assert found["redis_server_connections", ()] >= 2
    assert found["redis_server_memory_used_bytes", ()] > 0
    assert found["redis_server_memory_max_bytes", ()] > found["redis_server_memory_used_bytes", ()]


async def test_a_user_that_may_not_look_leaves_the_server_up(server: PrivateRedis) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        await client.acl_setuser("poor", enabled=True, passwords=["+x"], commands=["+ping"])
    reader = RedisReader(
        f"redis://poor:x@127.0.0.1:{server.port}/0", timeout=30.0, monotonic=time.monotonic
    )

    found = await reader.read()
    await reader.close()

    assert [sample.name for sample in found] == ["redis_server_response_seconds"]


async def test_a_frozen_and_a_killed_server_are_down_and_come_back(server: PrivateRedis) -> None:
    manager = MetricsManager()
    board = Board(manager, REDIS_LABELS, REDIS)
    reader = reader_of(server, timeout=0.5)
    collector = ServerCollector(board, reader, up=REDIS_UP, server=("s",), timeout=0.5)
    steps: tuple[tuple[Callable[[], None], float], ...] = (
        (lambda: None, 1.0),
        (server.freeze, 0.0),
        (server.thaw, 1.0),
        (server.kill, 0.0),
        (server.start, 1.0),
    )

    for step, up in steps:
        step()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while board._of(REDIS_UP) != {("s",): up}:
            assert time.monotonic() < deadline
            await collector.collect(manager)
        assert bool(board._of("redis_server_connections")) == bool(up)
    await collector.close()
