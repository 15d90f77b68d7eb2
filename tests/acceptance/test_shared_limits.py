"""Nodes that share their limits: exact together, and alone while their Redis is gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from tests.support.process import NodeProcess
from tests.support.redis import own_prefix, private_redis
from tests.support.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.service("redis")

CONFIG = """
redis: {{url: "{url}", prefix: {prefix}, timeout: {timeout}}}
limits:
  shared: true
  per_source: {{rate: 0.001, burst: 100}}
"""


def nodes(tmp_path: Path, url: str, timeout: str) -> list[NodeProcess]:
    config = CONFIG.format(url=url, prefix=own_prefix(), timeout=timeout)
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    return [NodeProcess(folder, config) for folder in folders]


def healths(both: Sequence[NodeProcess]) -> set[str]:
    found = set()
    for node in both:
        with node.client() as client:
            found.add(client.get("/health").json()["components"]["redis"])
    return found


async def send(both: Sequence[NodeProcess], source: str, count: int) -> Counter[int]:
    """So many events of a source to each node, all at once; how many got which status."""
    limits = httpx.Limits(max_connections=50)
    clients = [
        httpx.AsyncClient(base_url=n.url, limits=limits, timeout=PATIENCE_SECONDS) for n in both
    ]

    async def one(client: httpx.AsyncClient) -> int:
        event = {"type": "a", "source": source}
        answer = await client.post("/api/events/trigger", json=event)
        assert answer.headers["ratelimit-policy"] == '"per_source";q=100;w=100000'
        return answer.status_code

    async with clients[0], clients[1]:
        return Counter(await asyncio.gather(*[one(c) for c in clients for _ in range(count)]))


async def test_a_limit_is_exact_over_two_nodes_and_local_while_redis_is_gone(
    tmp_path: Path,
) -> None:
    with private_redis() as server:
        first, second = both = nodes(tmp_path, server.url, "5s")
        with first, second:
            assert healths(both) == {"ok"}
            assert await send(both, "exact", 150) == {200: 100, 429: 200}

            load = asyncio.create_task(send(both, "frozen", 150))
            server.freeze()
            assert set(await load) <= {200, 429}
            wait_until(lambda: healths(both) == {"degraded"})
            server.thaw()
            wait_until(lambda: healths(both) == {"ok"})

            server.kill()
            assert await send(both, "killed", 150) == {200: 200, 429: 100}
            assert healths(both) == {"degraded"}
            assert first.metrics()["redis_up"] == 0
            codes = {line.get("context", {}).get("code") for line in first.messages()}
            assert "redis.unreachable" in codes

            server.start()
            wait_until(lambda: healths(both) == {"ok"})
            assert await send(both, "back", 150) == {200: 100, 429: 200}
