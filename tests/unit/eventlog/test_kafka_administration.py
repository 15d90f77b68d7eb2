"""Topics that would lose events are told from those that are merely weaker than asked for."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.protocol.admin import (
    CreateTopicsResponse_v3,
    DeleteRecordsResponse_v2,
    DescribeConfigsResponse_v0,
    DescribeConfigsResponse_v2,
)
from aiokafka.protocol.metadata import MetadataRequest, MetadataResponse_v5

from event_system.eventlog.kafka.administration import (
    LARGEST_BYTES,
    Administration,
    check_config,
    weakness,
)
from event_system.kernel.errors import BackboneRefusedError, BackboneUnreachableError

UNKNOWN, NO_LEADER, EXISTS, REPLICATION = 3, 5, 36, 38
"""Errors, as Kafka numbers them; 29 is of authorization."""

GOOD = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "unclean.leader.election.enable": "false",
    "compression.type": "producer",
    "min.insync.replicas": "2",
}


def test_a_topic_that_keeps_everything_passes() -> None:
    check_config("t", 1, GOOD)
    check_config("t", 1, {})
    assert weakness(3, 3, GOOD) is None


@pytest.mark.parametrize(
    ("partitions", "config", "why"),
    [
        (4, {}, "it has 4 partitions, not 1"),
        (1, {"cleanup.policy": "compact"}, "cleanup.policy is compact, has to be delete"),
        (1, {"retention.ms": "604800000"}, "retention.ms is 604800000, has to be -1"),
        (1, {"retention.bytes": "1"}, "retention.bytes is 1, has to be -1"),
        (1, {"compression.type": "zstd"}, "compression.type is zstd, has to be producer"),
        (1, {"unclean.leader.election.enable": "true"}, "election.enable is true"),
    ],
)
def test_a_topic_that_would_lose_events_is_refused(
    partitions: int, config: dict[str, str], why: str
) -> None:
    with pytest.raises(BackboneRefusedError, match=why):
        check_config("t", partitions, GOOD | config)


@pytest.mark.parametrize(
    ("replicas", "config", "why"),
    [
        (2, GOOD, "has 2 replicas, backbone.replicas is 3"),
        (3, GOOD | {"min.insync.replicas": "1"}, "min.insync.replicas of the topic is 1"),
        (3, {}, "do not tell"),
    ],
)
def test_what_is_weaker_is_named(replicas: int, config: dict[str, str], why: str) -> None:
    told = weakness(replicas, 3, config)

    assert told is not None
    assert why in told


class Scripted:
    """Brokers that answer as they are told, in the form of one version of the protocol."""

    timeout_ms = 2_000

    def __init__(self, *answers: Any) -> None:
        self.asked: list[Any] = []
        self._answers = list(answers)

    async def ask(self, request: Any) -> Any:
        self.asked.append(request.prepare({request.API_KEY: (0, 99)}))
        self.asked[-1].encode()
        answer = self._answers.pop(0)
        return type(answer).decode(answer.encode())

    async def ask_controller(self, request: Any) -> Any:
        return await self.ask(request)

    async def ask_leader(self, _topic: str, request: Any) -> Any:
        return await self.ask(request)

    async def topic(self, topic: str) -> Any:
        (found,) = (await self.ask(MetadataRequest([topic]))).topics
        return found


def administration(*answers: Any) -> tuple[Administration, Scripted]:
    brokers = Scripted(*answers)
    return Administration(brokers, "t", 3), brokers  # type: ignore[arg-type]


def metadata(code: int, partitions: int = 1, replicas: int = 3) -> Any:
    servers, offline = list(range(1, replicas + 1)), list[int]()
    each = [(0, number, 1, servers, servers, offline) for number in range(partitions)]
    return MetadataResponse_v5(0, [], "c", 1, [(code, "t", False, each)])


async def test_a_topic_is_found_or_not() -> None:
    there, _ = administration(metadata(0), metadata(UNKNOWN, 0), metadata(NO_LEADER), metadata(29))
    assert await there.find()
    assert not await there.find()
    with pytest.raises(BackboneUnreachableError):
        await there.find()
    with pytest.raises(BackboneRefusedError, match="authorized"):
        await there.find()


@pytest.mark.parametrize("code", [0, EXISTS])
async def test_a_topic_is_made_so_that_it_keeps_all_events(code: int) -> None:
    made, brokers = administration(CreateTopicsResponse_v3(0, [("t", code, None)]))
    await made.create()
    ((name, partitions, replicas, _, config),) = brokers.asked[0].create_topic_requests
    assert (name, partitions, replicas) == ("t", 1, 3)
    assert dict(config).items() >= GOOD.items()


async def test_a_topic_that_cannot_be_made_is_told() -> None:
    answer = CreateTopicsResponse_v3(0, [("t", REPLICATION, "only 1 broker")])
    with pytest.raises(BackboneRefusedError, match="only 1 broker"):
        await administration(answer)[0].create()


@pytest.mark.parametrize("version", [DescribeConfigsResponse_v0, DescribeConfigsResponse_v2])
async def test_what_brokers_tell_of_a_topic_is_understood(version: Any) -> None:
    told = GOOD | {"max.message.bytes": "5000000"}
    more: tuple[Any, ...] = () if version is DescribeConfigsResponse_v0 else ([],)
    entries = [(name, value, False, 5, False, *more) for name, value in told.items()]
    answers = metadata(0), version(0, [(0, None, 2, "t", entries)])
    inspected = await administration(*answers)[0].inspect()
    assert inspected == (None, 5_000_000)


async def test_brokers_that_tell_nothing_are_a_weakness() -> None:
    answer = DescribeConfigsResponse_v2(0, [(29, "no", 2, "t", [])])
    inspected = await administration(metadata(0), answer)[0].inspect()
    assert inspected.weakness is not None
    assert inspected.largest_bytes == LARGEST_BYTES


async def test_old_records_are_deleted_or_it_is_told_why_not() -> None:
    def answer(code: int) -> Any:
        return DeleteRecordsResponse_v2(0, [("t", [(0, 17, code, {})], {})], {})

    purging, brokers = administration(answer(0), answer(29))
    await purging.purge(17)
    assert brokers.asked[0].to_object()["topics"][0]["partitions"][0]["offset"] == 17
    with pytest.raises(BackboneRefusedError, match="authorized"):
        await purging.purge(18)
