"""A link whose server is killed, hangs, refuses, and comes back."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from event_system.kernel.errors import RedisUnreachableError
from event_system.redis.address import LinkSettings
from event_system.redis.link import Link
from tests.support.redis import linked, private_redis
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.service("redis")


async def ping(link: Link) -> bool:
    return bool(await link.call("ping", lambda client: client.ping()))


async def test_a_call_to_a_killed_server_fails_and_goes_on_when_it_is_back() -> None:
    with private_redis() as server:
        async with linked(server.url) as link:
            seen: list[bool] = []
            link.changed.append(seen.append)
            assert await ping(link)
            server.kill()
            with pytest.raises(RedisUnreachableError, match=str(server.port)):
                await ping(link)
            with pytest.raises(RedisUnreachableError):
                await ping(link)  # at once, without a look
            assert link.operations["ping"] == 2
            assert link.errors["ping"] == 1
            server.start()
            await until(lambda: link.up)
            assert await ping(link)
            assert seen == [False, True]


async def test_a_call_to_a_server_that_hangs_ends_in_time() -> None:
    with private_redis() as server:
        async with linked(server.url, timeout=0.2) as link:
            server.freeze()
            async with asyncio.timeout(PATIENCE_SECONDS):
                asked = [ping(link) for _ in range(20)]
                results = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(result) for result in results} == {RedisUnreachableError}
            server.thaw()
            await until(lambda: link.up)
            assert await ping(link)


async def test_a_server_that_dies_unasked_is_noticed() -> None:
    with private_redis() as server:
        async with linked(server.url) as link:
            server.kill()
            await until(lambda: not link.up)


async def test_a_link_starts_without_its_server_and_finds_it_later() -> None:
    with private_redis() as server:
        server.kill()
        async with linked(server.url, is_there=False) as link:
            assert not link.up
            server.start()
            await until(lambda: link.up)


async def test_a_server_that_takes_no_writes_counts_as_away() -> None:
    with private_redis() as server:
        async with linked(server.url) as link:
            await link.client.config_set("maxmemory", "1")
            with pytest.raises(RedisUnreachableError, match=r"maxmemory|OOM"):
                await link.call("set", lambda client: client.set("a", "b"))
            await asyncio.sleep(0.3)
            assert not link.up
            await link.client.config_set("maxmemory", "0")
            await until(lambda: link.up)


async def test_a_server_that_refuses_the_password_is_away() -> None:
    with private_redis() as server:
        link = Link(LinkSettings(server.url.replace("redis://", "redis://nobody:wrong@")))
        await link.start()
        assert not link.up
        await link.close()


async def test_calls_wait_for_a_place_and_one_that_waits_in_vain_opens_no_circuit() -> None:
    async with linked(timeout=2.0) as link:
        free = asyncio.Event()
        holding = [asyncio.create_task(link.call("hold", lambda _: free.wait())) for _ in range(4)]
        await asyncio.sleep(0)
        waiting = asyncio.create_task(ping(link))
        await asyncio.sleep(0)
        free.set()
        assert await waiting
        await asyncio.gather(*holding)

        for _ in range(4):
            await link._places.acquire()
        with pytest.raises(RedisUnreachableError, match="busy"):
            await ping(link)
        assert link.up


async def test_a_call_that_is_given_up_leaves_a_connection_that_can_be_used() -> None:
    async with linked() as link:
        await link.client.set(link.key("a"), b"1")
        for _ in range(20):
            reading = asyncio.create_task(link.call("get", lambda c: c.get(link.key("a"))))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            assert await link.call("get", lambda c: c.get(link.key("b"))) is None


async def test_a_loop_that_is_held_up_is_no_reason_to_do_without_the_server() -> None:
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(linked(timeout=2.0)) for _ in range(8)]
        calling = []
        for link in links:  # wherever in a call it happens
            calling.append(asyncio.create_task(ping(link)))
            await asyncio.sleep(0)
        time.sleep(4.0)
        await asyncio.gather(*calling, return_exceptions=True)
        for link in links:
            assert link.up
            assert await ping(link)


async def test_nor_is_it_an_excuse_for_a_server_that_never_answers() -> None:
    with private_redis() as server:
        async with linked(server.url, timeout=0.1) as link:
            server.freeze()
            tries = 0
            while link.up:
                asyncio.get_running_loop().call_later(0.05, time.sleep, 0.2)
                await asyncio.gather(ping(link), return_exceptions=True)
                tries += 1
            assert tries <= 3
            server.thaw()
