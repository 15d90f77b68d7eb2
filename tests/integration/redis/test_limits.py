"""Buckets on a real server: they follow the local ones to the digit, and nodes share them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.limiter import Limit, Limiter, Want
from event_system.events.limits import Buckets, Rate
from event_system.events.sharing import Refused, Verdict
from event_system.redis.limits import SCRIPT, RedisLimits
from event_system.redis.link import Link
from tests.support.redis import linked, own_prefix
from tests.support.rows import row

pytestmark = pytest.mark.service("redis")

BY_HAND = SCRIPT.replace("redis.call('TIME')", "{ARGV[2], ARGV[3]}")
"""The script with a clock that a test moves. Keys end by the server's own, so buckets are slow."""
RATES = [Rate(0.01, 3), Rate(0.25, 7), Rate(1.0, 1)]
WANTS = st.lists(
    st.tuples(st.sampled_from(RATES), st.integers(0, 2), st.integers(1, 10)),
    min_size=1,
    max_size=3,
    unique_by=lambda want: want[:2],
)
STEPS = st.lists(st.tuples(st.integers(0, 300_000_000), WANTS), max_size=20)


class Server:
    """The shared server, asked with a time of the test's own, from outside of any loop."""

    def __init__(self, runner: asyncio.Runner, link: Link) -> None:
        self._runner, self._link = runner, link
        self._fresh = count()

    def begin(self) -> None:
        """Buckets that nobody has touched."""
        self._era = next(self._fresh)

    def ask(self, now_us: int, wants: Sequence[tuple[Rate, int, int]]) -> list[float]:
        keys = [self._link.key(self._era, repr(rate), name) for rate, name, _ in wants]
        packed = struct.pack("<d", len(wants)) + b"".join(
            struct.pack("<ddd", events, 1e6 / rate.per_second, rate.span * 1e6)
            for rate, _, events in wants
        )
        answer = self._runner.run(self._eval(keys, packed, *divmod(now_us, 1_000_000)))
        return list(struct.unpack(f"<{len(answer) // 8}d", answer))

    async def _eval(self, keys: Sequence[str], *arguments: Any) -> Any:
        return await self._link.client.eval(BY_HAND, len(keys), *keys, *arguments)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with asyncio.Runner() as runner:
        context = linked()
        link = runner.run(context.__aenter__())
        yield Server(runner, link)
        runner.run(context.__aexit__(None, None, None))


@given(steps=STEPS)
def test_the_script_judges_as_the_buckets_of_a_node_do(
    server: Server, steps: list[tuple[int, list[tuple[Rate, int, int]]]]
) -> None:
    assert BY_HAND != SCRIPT
    server.begin()
    buckets = {rate: Buckets(rate) for rate in RATES}
    us = 1_000_000_000
    for pause_us, wants in steps:
        us += pause_us
        now = us / 1e6
        expected: list[float] = []
        for place, (rate, name, events) in enumerate(wants):
            after = buckets[rate].after(name, events, now)
            if wait := buckets[rate].wait(after, events, now):
                expected = [place + 1, wait * 1e6]
                break
            expected = [*(expected or [0.0]), (after - now) * 1e6]
        if expected[0] == 0:
            for (rate, name, _), owed in zip(wants, expected[1:], strict=True):
                buckets[rate].take(name, now + owed / 1e6, now)

        assert server.ask(us, wants) == pytest.approx(expected, rel=1e-9, abs=5)


def test_a_server_whose_clock_is_set_back_blocks_nobody(server: Server) -> None:
    server.begin()
    want = (Rate(1.0, 1), 0, 1)
    assert server.ask(10_000_000_000, [want])[0] == 0
    assert server.ask(1_000_000, [want])[0] == 1
    assert server.ask(2_000_000, [want])[0] == 0


# Through the adapter


def wants(events: int, rate: Rate, *sources: str) -> tuple[Want, ...]:
    limiter = Limiter(lambda: 0.0)
    limiter.configure([Limit("source", rate)])
    return limiter.wants("game", [row("e", source=s) for s in sources for _ in range(events)])


async def verdict(limits: RedisLimits, asked: Sequence[Want]) -> Verdict:
    told: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
    limits.ask(asked, told.set_result)
    return await told


def waits(found: Verdict) -> list[float]:
    """To the ten seconds: time goes on meanwhile."""
    assert isinstance(found, list)
    return [round(wait, -1) for wait in found]


async def test_two_nodes_together_let_exactly_the_burst_through() -> None:
    prefix, slow = own_prefix(), Rate(0.001, 700)
    async with linked(prefix=prefix) as one, linked(prefix=prefix) as other:
        nodes = [RedisLimits(one), RedisLimits(other)]
        one_event = wants(1, slow, "game")
        verdicts = await asyncio.gather(*[verdict(nodes[n % 2], one_event) for n in range(2000)])

        assert sum(isinstance(each, list) for each in verdicts) == 700
        assert sum(isinstance(each, Refused) for each in verdicts) == 1300
        assert one.operations["limit"] < 20  # one call for many requests
        for node in nodes:
            await node.close()


async def test_a_refused_request_takes_nothing_from_any_bucket() -> None:
    async with linked() as link:
        limits, slow = RedisLimits(link), Rate(0.001, 10)
        assert waits(await verdict(limits, wants(8, slow, "a"))) == [8000]
        refused = await verdict(limits, wants(5, slow, "b", "a"))
        assert isinstance(refused, Refused)
        assert (refused.place, round(refused.wait, -1)) == (1, 3000)
        assert waits(await verdict(limits, wants(10, slow, "b"))) == [10_000]
        await limits.close()


async def test_a_key_ends_when_its_bucket_is_full() -> None:
    async with linked() as link:
        limits = RedisLimits(link)
        await verdict(limits, wants(3, Rate(1.0, 10), "a"))
        keys = [key async for key in link.client.scan_iter(f"{link.key('limit')}*", count=1000)]
        assert len(keys) == 1
        assert 0 < await link.client.pttl(keys[0]) <= 3001
        await limits.close()


async def test_who_waits_at_the_end_is_told() -> None:
    async with linked() as link:
        limits = RedisLimits(link)
        waiting = asyncio.create_task(verdict(limits, wants(1, Rate(1.0, 1), "a")))
        await asyncio.sleep(0)
        await limits.close()
        assert await waiting is None or isinstance(await waiting, list)


async def test_a_name_that_cannot_be_a_key_hangs_nobody() -> None:
    async with linked() as link:
        limits = RedisLimits(link)
        (want,) = wants(1, Rate(1.0, 5), "a")
        assert await verdict(limits, [want._replace(key="\ud800")]) is None
        assert isinstance(await verdict(limits, [want]), list)
        await limits.close()
