"""Streams and tables that do not belong together, and servers that are not there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from event_system.eventlog.nats.connection import Access, Connection
from event_system.eventlog.nats.stream import JetStream
from event_system.eventlog.sql.facts import Facts
from event_system.kernel.errors import (
    BackboneMismatchError,
    BackboneRefusedError,
    BackboneUnreachableError,
)
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import LOG
from tests.support.nats import nats_servers
from tests.support.nats_log import nats_log
from tests.support.rows import LANES, row
from tests.support.sql import SharedDatabases, connecting
from tests.support.stream_log import all_ids, append, new_name, taken_over

OF_ANOTHER = Facts(0, 0, LANES, 1, 0, None, None, 0, None, ())
"""A log that has nothing to do with the tests' own."""

pytestmark = pytest.mark.service("postgresql")


@asynccontextmanager
async def bare(urls: tuple[str, ...]) -> AsyncIterator[Connection]:
    connection = Connection(Access(urls))
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_stream_that_is_gone_or_another_s_is_refused(
    dsn: Dsn, urls: tuple[str, ...], databases: SharedDatabases
) -> None:
    name = new_name()
    async with nats_log(dsn, urls, name) as log:
        await append(log, row("a"))
    async with bare(urls) as connection:
        await connection.request(f"$JS.API.STREAM.DELETE.{name}")
        with pytest.raises(BackboneMismatchError, match="is gone"):
            async with nats_log(dsn, urls, name):
                pass
        await JetStream(connection, name, replicas=1).open(OF_ANOTHER)
        with pytest.raises(BackboneMismatchError, match="not made for this database"):
            async with nats_log(dsn, urls, name):
                pass


async def test_a_stream_and_tables_of_different_ages_are_refused(
    dsn: Dsn, urls: tuple[str, ...]
) -> None:
    name = new_name()
    async with nats_log(dsn, urls, name) as log:
        await append(log, *(row(f"e{n}") for n in range(10)))
    for head, why in ((11, "has lost events"), (4, "the database is too old")):
        with connecting(dsn) as connection:
            connection.execute(sa.update(LOG).values(head=head))
        async with bare(urls) as connection:
            await JetStream(connection, name).purge(7)
            with pytest.raises(BackboneMismatchError, match=why):
                async with nats_log(dsn, urls, name):
                    pass


async def test_a_stream_that_would_forget_events_is_refused(
    dsn: Dsn, urls: tuple[str, ...]
) -> None:
    name = new_name()
    async with nats_log(dsn, urls, name):
        pass
    async with bare(urls) as connection:
        found = json.loads((await connection.request(f"$JS.API.STREAM.INFO.{name}")).data)
        changed = json.dumps({**found["config"], "max_msgs": 100}).encode()
        await connection.request(f"$JS.API.STREAM.UPDATE.{name}", changed)
    with pytest.raises(BackboneRefusedError, match="max_msgs is 100"):
        async with nats_log(dsn, urls, name):
            pass


async def test_a_message_that_somebody_else_has_put_in_takes_its_offset_and_stops_nothing(
    dsn: Dsn, urls: tuple[str, ...]
) -> None:
    name = new_name()
    async with nats_log(dsn, urls, name) as log, bare(urls) as connection:
        await append(log, row("a", received_us=5_000_000))
        await connection.request(f"{name}.hello", b"what is this?")
        assert await append(log, row("b", received_us=5_000_001)) == [3]
        assert await all_ids(log) == ["a", "2", "b"]
        found = await log.history.at(2)
        assert found is not None
        assert (found.type, found.raw, found.received_us) == (
            *("system.foreign", b"what is this?"),
            5_000_000,
        )


async def test_the_stream_forgets_what_the_tables_have_had_for_long(
    dsn: Dsn, urls: tuple[str, ...]
) -> None:
    name = new_name()
    async with nats_log(dsn, urls, name, keep_us=1) as log:
        await append(log, *(row(f"e{n}") for n in range(10)))
        await taken_over(log)
        await log.purging.purge()
        assert await append(log, row("new"), row("e3")) == [11, -4]
        assert len(await all_ids(log)) == 11
        async with bare(urls) as connection:
            info = await JetStream(connection, name).info()
        assert info is not None
        assert info.state is not None
        assert info.state.first_seq == 11
    async with nats_log(dsn, urls, name) as log:
        assert await append(log, row("newer")) == [12]


async def test_a_server_that_is_away_at_the_start_is_named() -> None:
    connection = Connection(Access(("nats://127.0.0.1:1",)))
    with pytest.raises(BackboneUnreachableError, match=r"nats://127\.0\.0\.1:1"):
        await connection.request("$JS.API.INFO")
    await connection.close()


async def test_a_user_that_is_unknown_is_refused_at_once() -> None:
    with nats_servers(extra="authorization { user: a, password: b }") as servers:
        for access in (Access(servers.urls), Access(servers.urls, user="a", password="wrong")):
            connection = Connection(access)
            with pytest.raises(BackboneRefusedError, match=r"(?i)authorization"):
                await connection.request("$JS.API.INFO")
            await connection.close()
        connection = Connection(Access(servers.urls, user="a", password="b"))
        assert (await connection.request("$JS.API.INFO")).data
        await connection.close()


async def test_a_server_that_comes_back_goes_on_with_what_it_had(dsn: Dsn) -> None:
    with nats_servers() as servers:
        async with nats_log(dsn, servers.urls, new_name()) as log:
            await append(log, row("a"))
            servers.servers[0].stop()
            waiting = asyncio.create_task(append(log, row("b")))
            await asyncio.sleep(0)
            servers.servers[0].start()
            assert await waiting == [2]
            assert await append(log, row("a"), row("c")) == [-1, 3]
