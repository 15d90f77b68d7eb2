"""RabbitMQ streams that are not as they have to be, and brokers that are not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiormq
import pytest
import sqlalchemy as sa
from aiormq.abc import AbstractChannel

from event_system.eventlog.rabbitmq.connection import Access, Brokers
from event_system.eventlog.rabbitmq.stream import LARGEST_RECORD, RabbitStream
from event_system.eventlog.rabbitmq.wire import Record, encode
from event_system.kernel.errors import (
    BackboneMismatchError,
    BackboneRefusedError,
    BackboneTooLargeError,
    BackboneUnreachableError,
    StorageError,
)
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import LOG
from tests.support.rabbit import SERVER, RabbitStreams, delete_queues
from tests.support.rows import row
from tests.support.sql import SharedDatabases, connecting
from tests.support.stream_log import all_ids, append, new_name, stream_log

pytestmark = pytest.mark.service("postgresql", "rabbitmq")


@pytest.fixture
def dsn(databases: SharedDatabases) -> Dsn:
    return databases.emptied("postgresql")


@pytest.fixture
def streams(databases: SharedDatabases) -> RabbitStreams:
    return databases.rabbit


@asynccontextmanager
async def bare() -> AsyncIterator[AbstractChannel]:
    """A channel of somebody else's."""
    connection = await aiormq.connect("amqp://guest:guest@127.0.0.1:5672/")
    try:
        yield await connection.channel(publisher_confirms=True)
    finally:
        await connection.close()


async def put(channel: AbstractChannel, name: str, payload: bytes) -> None:
    await channel.basic_publish(payload, routing_key=name, mandatory=True)


async def remade(name: str, *payloads: bytes) -> None:
    """Another stream of the same name."""
    await delete_queues(name)
    async with bare() as channel:
        arguments: dict[str, Any] = {"x-queue-type": "stream"}
        await channel.queue_declare(name, durable=True, arguments=arguments)
        for payload in payloads:
            await put(channel, name, payload)


async def test_a_stream_that_is_gone_or_another_s_is_refused(
    dsn: Dsn, streams: RabbitStreams
) -> None:
    name = new_name()
    async with stream_log(dsn, streams.make(name)) as log:
        for number in range(5):
            await append(log, row(f"e{number}"))
        identity = log.identity
    await delete_queues(name)
    with pytest.raises(BackboneMismatchError, match="is gone"):
        async with stream_log(dsn, streams.make(name)):
            pass
    await remade(name)
    with pytest.raises(BackboneMismatchError, match="lost events"):
        async with stream_log(dsn, streams.make(name)):
            pass
    others = [encode(Record(identity, n, "", f"other.{n}", (row(f"o{n}"),))) for n in range(9, 19)]
    await remade(name, *others)
    with pytest.raises(BackboneMismatchError, match="not the one that the tables end with"):
        async with stream_log(dsn, streams.make(name)):
            pass


async def test_a_stream_that_others_use_already_is_refused(
    dsn: Dsn, streams: RabbitStreams
) -> None:
    name, stream = new_name(), encode(Record(1, 0, "", "other.1", (row("a"),)))
    async with stream_log(dsn, streams.make(name)):
        pass
    async with bare() as channel:
        await put(channel, name, stream)
    with connecting(dsn) as connection:  # as a log that has never been behind a stream
        connection.execute(sa.update(LOG).values(backbone=None))
    with pytest.raises(BackboneMismatchError, match="not made for this database"):
        async with stream_log(dsn, streams.make(name)):
            pass


async def test_a_queue_that_is_no_stream_is_refused(dsn: Dsn, streams: RabbitStreams) -> None:
    name = new_name()
    stream = streams.make(name)
    async with bare() as channel:
        await channel.queue_declare(name, durable=True)
    with pytest.raises(BackboneRefusedError, match="x-queue-type"):
        async with stream_log(dsn, stream):
            pass


async def test_what_somebody_else_puts_in_stops_nothing_and_is_no_event(
    dsn: Dsn, streams: RabbitStreams
) -> None:
    name = new_name()
    async with stream_log(dsn, streams.make(name)) as log, bare() as channel:
        await append(log, row("a"))
        late = encode(Record(log.identity, 0, "", "late", (row("late"),)))
        for payload in (b"what is this?", b"", late):
            await put(channel, name, payload)
        assert await append(log, row("b")) == [2]
        assert await all_ids(log) == ["a", "b"]
    async with stream_log(dsn, streams.make(name)) as log:
        assert await append(log, row("a"), row("c")) == [-1, 3]


async def test_a_connection_that_breaks_is_made_again_and_nothing_is_missed(
    dsn: Dsn, streams: RabbitStreams
) -> None:
    name, stream = new_name(), streams.make(new_name())
    stream = streams.make(name)
    async with stream_log(dsn, stream) as log, stream_log(dsn, streams.make(name)) as other:
        for number in range(6):
            assert stream._session is not None
            await stream._session.close()
            await append(other, row(f"other{number}"))
            await append(log, row(f"e{number}"))
        assert len(await all_ids(log)) == 12
        await log.flush()
        assert await append(log, row("other0"), row("e5")) == [-1, -12]


async def test_a_stream_that_has_lost_events_takes_none(dsn: Dsn, streams: RabbitStreams) -> None:
    """As one of which all replicas were lost, and made again behind a node that runs."""
    name = new_name()
    async with stream_log(dsn, streams.make(name), patience_seconds=0.0) as log:
        for number in range(5):
            await append(log, row(f"e{number}"))
        others = [Record(log.identity, n, "", f"o.{n}", (row(f"o{n}"),)) for n in range(12)]
        await remade(name, *map(encode, others))
        with pytest.raises(StorageError):  # the connection that broke
            await append(log, row("new"))
        for _ in range(2):
            with pytest.raises(StorageError, match="lost events"):
                await append(log, row("new"))


async def test_what_is_larger_than_a_commit_may_be_is_refused_alone(
    dsn: Dsn, streams: RabbitStreams
) -> None:
    async with stream_log(dsn, streams.make(new_name())) as log:
        large = row("large", data=b"x" * LARGEST_RECORD)
        half = [row(f"half{n}", data=b"x" * (LARGEST_RECORD // 2)) for n in range(2)]
        results = await asyncio.gather(
            *(append(log, row("a")), append(log, large), append(log, *half), append(log, row("b"))),
            return_exceptions=True,
        )
        kinds = [type(each) for each in results]
        assert kinds == [list, BackboneTooLargeError, BackboneTooLargeError, list]
        assert log.failure is None
        await append(log, row("c", data=b"x" * (LARGEST_RECORD - 20_000)))
        assert await all_ids(log) == ["a", "b", "c"]


async def test_brokers_that_are_away_or_refuse_are_named() -> None:
    cases = {
        ("amqp://127.0.0.1:1", "guest"): BackboneUnreachableError,
        (SERVER, "wrong"): BackboneRefusedError,
        (f"{SERVER}/no-such-host", "guest"): BackboneUnreachableError,
    }
    for (url, password), error in cases.items():
        stream = RabbitStream(Brokers(Access((url,), "guest", password)), "test-none")
        with pytest.raises(error):
            await stream._brokers.has("test-none")
    both = Brokers(Access(("amqp://127.0.0.1:1", SERVER), "guest", "guest"))
    assert not await both.has("test-none")
