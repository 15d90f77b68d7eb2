"""A topic on brokers that fail, answer late, and take what others send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.eventlog.backbone.stream import Found, MovedError
from event_system.eventlog.kafka import wire
from event_system.eventlog.kafka.connection import Access, Connection
from event_system.eventlog.kafka.topic import KafkaTopic
from event_system.eventlog.kafka.wire import Mark
from event_system.eventlog.sql.facts import Facts
from event_system.kernel.errors import (
    BackboneMismatchError,
    BackboneRefusedError,
    BackboneTooLargeError,
    BackboneUnreachableError,
    StorageError,
)
from tests.support.kafka import KafkaBrokers, kafka_brokers
from tests.support.rows import LANES, row
from tests.support.sql import SharedDatabases
from tests.support.stream_log import new_name
from tests.support.waiting import PATIENCE_SECONDS

NEW = Facts(
    **dict.fromkeys(("head", "floor", "received_us", "waiting"), 0),
    lanes=LANES,
    identity=7,
    backbone=None,
    place=None,
    next_due_us=None,
    schedules=(),
)
PRODUCE = 0
"""The request, as Kafka numbers it."""

TOO_LARGE, NOT_LEADER, TOO_FEW_REPLICAS, TOO_FEW_AFTERWARDS = 10, 6, 19, 20
"""Errors, likewise."""

SHORT_SECONDS = 8.0
"""How long a client waits for an answer: one that is to come, and one that is not."""


@pytest.fixture
def own() -> Iterator[KafkaBrokers]:
    """Brokers of one test, to be stopped."""
    with kafka_brokers() as brokers:
        yield brokers


def client(brokers: KafkaBrokers, name: str, seconds: float = PATIENCE_SECONDS) -> KafkaTopic:
    return KafkaTopic(Connection(Access(brokers.servers, seconds=seconds)), name)


@asynccontextmanager
async def opened(
    brokers: KafkaBrokers, name: str, facts: Facts = NEW, seconds: float = PATIENCE_SECONDS
) -> AsyncIterator[KafkaTopic]:
    topic = client(brokers, name, seconds)
    try:
        await topic.open(facts)
        yield topic
    finally:
        await topic.close()


async def all_of(topic: KafkaTopic, after: int = 0) -> list[Found]:
    found: list[Found] = []
    while more := await topic.after(after):
        found += more
        after += sum(len(each.rows) for each in more)
    return found


def told(found: list[Found]) -> list[tuple[str, list[str]]]:
    return [(each.commit, [str(stored[7]) for stored in each.rows]) for each in found]


async def sent(topic: KafkaTopic, batch: bytes | None) -> None:
    """Send what a node would not."""
    request = ProduceRequest(None, -1, 2_000, [(topic.name, [(0, batch)])])
    await topic._connection.ask_leader(topic.name, request)


async def test_of_two_that_append_at_one_place_the_first_counts(
    brokers: KafkaBrokers, name: str
) -> None:
    async with opened(brokers, name) as one, opened(brokers, name) as two:
        await one.append([row("a"), row("b")], 0, "1.1")
        with pytest.raises(MovedError):
            await two.append([row("c")], 0, "2.1")
        assert await two.last() == 2
        assert told(await all_of(two)) == [("1.1", ["a", "b"])]
        await two.append([row("c")], 2, "2.2")
        with pytest.raises(MovedError):  # one knows neither of the record in vain nor of this
            await one.append([row("d")], 2, "1.2")
        assert told(await all_of(one, 2)) == [("2.2", ["c"])]
        await one.append([row("d")], 3, "1.3")
    async with opened(brokers, name, replace(NEW, head=3, backbone=name)) as late:
        assert told(await all_of(late, 3)) == [("1.3", ["d"])]


async def test_what_comes_twice_or_late_counts_once(brokers: KafkaBrokers, name: str) -> None:
    async with opened(brokers, name) as topic:
        batch = wire.batch([row("a"), row("b")], Mark("7", "1.1", 1, 1), 10_000)
        for _ in range(3):
            await sent(topic, batch)
        assert told(await all_of(topic)) == [("1.1", ["a", "b"])]
        await topic.append([row("c")], 2, "1.2")
        await sent(topic, batch)
        await sent(topic, wire.batch([row("x")], Mark("7", "9.9", 8, 4), 10_000))  # from nowhere
        assert told(await all_of(topic, 3)) == []
    async with opened(brokers, name, replace(NEW, head=1, backbone=name)) as again:
        assert told(await all_of(again, 1)) == [("1.1", ["b"]), ("1.2", ["c"])]
        assert await again.last() == 3


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 2), st.sampled_from(["append", "again", "read"]), st.integers(1, 3)
        ),
        max_size=25,
    )
)
async def test_whatever_nodes_send_in_turn_all_of_them_read_the_same(
    databases: SharedDatabases, steps: list[tuple[int, str, int]]
) -> None:
    brokers, name = databases.kafka, new_name()
    brokers.topic(name)
    accepted: list[str] = []
    async with opened(brokers, name) as a, opened(brokers, name) as b, opened(brokers, name) as c:
        nodes, heads = (a, b, c), [0, 0, 0]
        batches: list[bytes | None] = [None, None, None]
        for number, (node, step, size) in enumerate(steps):
            topic, rows = nodes[node], [row(f"{number}-{n}") for n in range(size)]
            if step == "read":
                found = await all_of(topic, heads[node])
                heads[node] += sum(len(each.rows) for each in found)
                assert heads[node] == len(accepted)
            elif step == "again" and batches[node] is not None:
                await sent(topic, batches[node])
            elif heads[node] == len(accepted):
                place = topic._read_up_to[1]
                try:
                    await topic.append(rows, heads[node], f"{number}.0")
                except MovedError:  # by a batch that came again
                    assert await topic.after(heads[node]) == []
                    continue
                batches[node] = wire.batch(rows, Mark("7", "x", place, heads[node] + 1), 10_000)
                accepted += [each[7] for each in rows]
                heads[node] += size
            else:
                with pytest.raises(MovedError):
                    await topic.append(rows, heads[node], f"{number}.0")
        for topic in nodes:
            assert [id_ for _, ids in told(await all_of(topic)) for id_ in ids] == accepted
            assert await topic.last() == len(accepted)


async def test_an_answer_that_is_late_leaves_a_commit_that_is_found(own: KafkaBrokers) -> None:
    name = new_name()
    own.topic(name)
    own.lead(name, 1)
    async with opened(own, name, seconds=SHORT_SECONDS) as topic:
        await topic.append([row("a")], 0, "1.1")
        own.delay(1, 2 * SHORT_SECONDS)
        with pytest.raises(BackboneUnreachableError):
            await topic.append([row("b")], 1, "1.2")
        own.delay(1, 0.0)
        with pytest.raises(MovedError):
            await topic.append([row("b")], 1, "1.3")
        assert told(await all_of(topic, 1)) == [("1.2", ["b"])]


async def test_what_arrives_once_a_cut_is_over_counts_at_its_place_or_never(
    own: KafkaBrokers,
) -> None:
    name = new_name()
    own.topic(name)
    async with opened(own, name, seconds=SHORT_SECONDS) as cut, opened(own, name) as other:
        await cut.append([row("a")], 0, "1.1")
        assert told(await all_of(other)) == [("1.1", ["a"])]
        own.freeze()
        with pytest.raises(BackboneUnreachableError):
            await cut.append([row("b")], 1, "1.2")
        own.thaw()
        before = await other.last()
        with suppress(MovedError):
            await other.append([row("c")], 1, "2.1")
        assert before in (1, 2)
        ends = [
            [("1.1", ["a"]), ("1.2", ["b"])],
            [("1.1", ["a"]), ("2.1", ["c"])],
        ]
        assert told(await all_of(cut)) in ends
        assert await all_of(cut) == await all_of(other)


async def test_brokers_that_are_away_are_told_and_gone_back_to(own: KafkaBrokers) -> None:
    name = new_name()
    own.topic(name)
    async with opened(own, name) as topic:
        await topic.append([row("a")], 0, "1.1")
        for broker in (1, 2, 3):
            own.stop(broker)
        for request in (topic.append([row("b")], 1, "1.2"), topic.after(1), topic.last()):
            with pytest.raises(BackboneUnreachableError):
                await request
        for broker in (1, 2, 3):
            own.start(broker)
        await topic.append([row("b")], 1, "1.3")
        assert told(await all_of(topic)) == [("1.1", ["a"]), ("1.3", ["b"])]


async def test_another_broker_takes_the_lead_and_the_one_before_ends(own: KafkaBrokers) -> None:
    name = new_name()
    own.topic(name)
    own.lead(name, 1)
    async with opened(own, name) as topic:
        await topic.append([row("a")], 0, "1.1")
        own.stop(1)
        own.lead(name, 2)
        with pytest.raises(BackboneUnreachableError):
            await topic.append([row("b")], 1, "1.2")
        await topic.append([row("b")], 1, "1.3")
        own.lead(name, 3)
        with pytest.raises(BackboneUnreachableError, match="leader"):
            await topic.append([row("c")], 2, "1.4")
        await topic.append([row("c")], 2, "1.5")
        commits = [each.commit for each in await all_of(topic)]
        assert commits == ["1.1", "1.3", "1.5"]


@pytest.mark.parametrize("code", [TOO_FEW_REPLICAS, TOO_FEW_AFTERWARDS, NOT_LEADER])
async def test_what_is_not_acknowledged_by_enough_replicas_is_not_accepted(
    own: KafkaBrokers, code: int
) -> None:
    name = new_name()
    own.topic(name)
    async with opened(own, name) as topic:
        own.fail(PRODUCE, code)
        with pytest.raises(BackboneUnreachableError, match=name):
            await topic.append([row("a")], 0, "1.1")
        await topic.append([row("a")], 0, "1.2")
        assert told(await all_of(topic)) == [("1.2", ["a"])]


async def test_what_is_too_large_is_refused_by_the_node_or_by_the_broker(
    own: KafkaBrokers,
) -> None:
    name = new_name()
    own.topic(name)
    async with opened(own, name) as topic:
        topic._largest = 100_000
        largest = row("a", data=b"x" * 90_000)
        topic.check(largest)
        with pytest.raises(BackboneTooLargeError, match=r"max\.message\.bytes"):
            topic.check(row("a", data=b"x" * 99_600))
        with pytest.raises(BackboneTooLargeError, match="2 events"):
            await topic.append([largest, row("b", data=b"x" * 20_000)], 0, "1.1")
        own.fail(PRODUCE, TOO_LARGE)
        with pytest.raises(BackboneTooLargeError):
            await topic.append([largest], 0, "1.2")
        await topic.append([largest], 0, "1.3")
        assert await topic.last() == 1


async def test_a_topic_without_an_end_that_the_tables_know_is_refused(
    brokers: KafkaBrokers, name: str
) -> None:
    async with opened(brokers, name, replace(NEW, head=5)) as topic:
        await topic.append([row("a")], 5, "1.1")
    here = replace(NEW, backbone=name)
    for facts, why in (
        (replace(here, head=7), "has lost events"),
        (replace(here, head=4), "the database is too old"),
        (replace(here, head=6, identity=8), "not made for this database"),
    ):
        with pytest.raises(BackboneMismatchError, match=why):
            async with opened(brokers, name, facts):
                pass
    empty = new_name()
    brokers.topic(empty)
    with pytest.raises(BackboneMismatchError, match="is gone"):
        async with opened(brokers, empty, replace(NEW, head=6, backbone=empty)):
            pass


async def test_a_topic_that_has_lost_its_end_takes_nothing(
    brokers: KafkaBrokers, name: str
) -> None:
    async with opened(brokers, name) as topic:
        topic._read_up_to = 1, 2
        for _ in range(3):
            with pytest.raises(StorageError, match="ended at 1, not at 2: it lost records"):
                await topic.append([row("a")], 1, "1.1")


async def test_a_topic_of_somebody_else_is_refused(brokers: KafkaBrokers, name: str) -> None:
    stranger = client(brokers, name)
    records = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000)
    records.append(0, 0, None, b"hello", [])
    await sent(stranger, bytes(records.build()))
    await stranger.close()
    with pytest.raises(BackboneMismatchError, match="not made for this database"):
        async with opened(brokers, name):
            pass


async def test_records_of_somebody_else_are_passed_over(brokers: KafkaBrokers, name: str) -> None:
    async with opened(brokers, name) as topic:
        await topic.append([row("a")], 0, "1.1")
        await sent(topic, wire.batch([row("x")], Mark("8", "x", 2, 2), 10_000))
        with pytest.raises(MovedError):
            await topic.append([row("b")], 1, "1.2")
        assert await topic.after(1) == []
        await topic.append([row("b")], 1, "1.3")
        assert told(await all_of(topic)) == [("1.1", ["a"]), ("1.3", ["b"])]


async def test_what_is_old_is_deleted_by_place_and_the_newest_event_stays(
    brokers: KafkaBrokers, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    below: list[int] = []

    async def purge(place: int) -> None:  # these brokers cannot
        below.append(place)

    async with opened(brokers, name) as topic:
        await topic.append([row("a"), row("b")], 0, "1.1")
        await sent(topic, wire.batch([row("x")] * 3, Mark("7", "x", 0, 1), 10_000))
        assert await topic.after(2) == []
        await topic.append([row("c"), row("d")], 2, "1.2")
        with pytest.raises(BackboneRefusedError, match="delete no records"):
            await topic.purge(2)
        monkeypatch.setattr(topic._administration, "purge", purge)
        for offset in (1, 2, 3, 4, 99):
            await topic.purge(offset)
    assert below == [1, 2, 6, 7, 7]


async def test_two_nodes_may_begin_a_topic_at_once(brokers: KafkaBrokers, name: str) -> None:
    topics = [client(brokers, name) for _ in range(4)]
    await asyncio.gather(*(topic.open(replace(NEW, head=3)) for topic in topics))
    await topics[0].append([row("a")], 3, "1.1")
    assert [await topic.last() for topic in topics] == [4] * 4
    for topic in topics:
        await topic.close()


async def test_a_topic_of_several_partitions_has_no_order_and_is_refused(
    brokers: KafkaBrokers,
) -> None:
    name = new_name()
    brokers.topic(name, partitions=3)
    with pytest.raises(BackboneRefusedError, match="3 partitions, not 1"):
        async with opened(brokers, name):
            pass


async def test_brokers_that_know_no_such_user_are_told_at_once(brokers: KafkaBrokers) -> None:
    connection = Connection(Access(brokers.servers, user="a", password="b"))
    with pytest.raises(BackboneRefusedError):
        await connection.topic("t")
    await connection.close()


async def test_a_connection_that_was_closed_stays_closed(brokers: KafkaBrokers, name: str) -> None:
    async with opened(brokers, name) as topic:
        await topic.append([row("a")], 0, "1.1")
    for _ in range(2):
        await topic.close()
        with pytest.raises(BackboneUnreachableError):
            await topic.last()


async def test_a_broker_that_is_away_at_the_start_is_named() -> None:
    connection = Connection(Access((("127.0.0.1", 1),)))
    with pytest.raises(BackboneUnreachableError, match=r"127\.0\.0\.1:1"):
        await connection.topic("t")
    await connection.close()
