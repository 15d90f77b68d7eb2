"""How the topic has to be: made so, looked at when a node starts, relieved of what is old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import errors as kafka
from aiokafka.protocol.admin import (
    CreateTopicsRequest,
    DeleteRecordsRequest,
    DescribeConfigsRequest,
)

from event_system.eventlog.kafka.connection import (
    Connection,
    UnsupportedRequestError,
)
from event_system.kernel.errors import BackboneRefusedError, BackboneUnreachableError

LARGEST_BYTES = 33_554_432
"""Of a record batch, so of a commit: where the node makes the topic, or is not told its limit."""

_TOPIC_RESOURCE = 2
_MADE = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": str(LARGEST_BYTES),
    "unclean.leader.election.enable": "false",
    "compression.type": "producer",
}

_NEEDED = tuple(key for key in _MADE if key != "max.message.bytes")


class Inspected(NamedTuple):
    """What was seen of a topic: what is weak about it, and how large a record batch may be."""

    weakness: str | None
    largest_bytes: int


class Administration:
    """Of one topic. Every method raises `BackboneUnreachableError` and `BackboneRefusedError`."""

    def __init__(self, connection: Connection, name: str, replicas: int) -> None:
        self._connection = connection
        self._name = name
        self._replicas = replicas

    async def find(self) -> bool:
        """Whether there is a topic of this name."""
        code, *_ = await self._connection.topic(self._name)
        error = kafka.for_code(code)
        if error is kafka.UnknownTopicOrPartitionError:
            return False
        if error is kafka.LeaderNotAvailableError:
            raise BackboneUnreachableError(f"the topic {self._name!r} has no leader yet")
        self._check(error)
        return True

    async def create(self) -> None:
        """Make it; that another node was faster is no error."""
        config = _MADE | {"min.insync.replicas": str(min(2, self._replicas))}
        by_hand: list[object] = []
        topic = (self._name, 1, self._replicas, by_hand, list(config.items()))
        try:
            answer = await self._connection.ask_controller(
                CreateTopicsRequest([topic], self._connection.timeout_ms, False)
            )
        except UnsupportedRequestError as unsupported:
            raise BackboneRefusedError(
                f"the brokers make no topics: make {self._name!r}, with one partition",
                where="backbone.stream",
            ) from unsupported
        ((_, code, *told),) = answer.topic_errors
        error = kafka.for_code(code)
        if error not in (kafka.NoError, kafka.TopicAlreadyExistsError):
            self._check(error, str(told[0]) if told else "")

    async def inspect(self) -> Inspected:
        """Look whether it would keep events. Raises `BackboneRefusedError` where it would not."""
        _, _, _, partitions = await self._connection.topic(self._name)
        if not partitions:
            raise BackboneUnreachableError(f"the topic {self._name!r} is not there yet")
        config = await self._config()
        check_config(self._name, len(partitions), config)
        replicas = min(len(each[3]) for each in partitions)
        largest = int(config.get("max.message.bytes", LARGEST_BYTES))
        return Inspected(weakness(replicas, self._replicas, config), largest)

    async def purge(self, place: int) -> None:
        """Delete all records below a place."""
        request = DeleteRecordsRequest([(self._name, [(0, place)])], self._connection.timeout_ms)
        try:
            answer = await self._connection.ask_leader(self._name, request)
        except UnsupportedRequestError as error:
            raise BackboneRefusedError(
                "the brokers delete no records", where="backbone.keep"
            ) from error
        ((_, ((_, _, code, *_),), *_),) = answer.topics
        self._check(kafka.for_code(code))

    async def _config(self) -> Mapping[str, str]:
        """What the brokers tell of its settings; nothing where they do not."""
        request = DescribeConfigsRequest([(_TOPIC_RESOURCE, self._name, None)], False)
        try:
            answer = await self._connection.ask(request)
        except UnsupportedRequestError:
            return {}
        ((code, _, _, _, entries, *_),) = answer.resources
        if kafka.for_code(code) is not kafka.NoError:
            return {}
        return {name: value for name, value, *_ in entries if value is not None}

    def _check(self, error: type[kafka.KafkaError], told: str = "") -> None:
        if error is kafka.NoError:
            return
        said = told or error.description
        if error.retriable:
            raise BackboneUnreachableError(f"the topic {self._name!r}: {said}")
        raise BackboneRefusedError(f"the topic {self._name!r}: {said}", where="backbone.stream")


def check_config(name: str, partitions: int, config: Mapping[str, str]) -> None:
    """Raise `BackboneRefusedError` where events would be lost, or have no one order."""
    wrong = [] if partitions == 1 else [f"it has {partitions} partitions, not 1"]
    wrong += [
        f"{key} is {config[key]}, has to be {_MADE[key]}"
        for key in _NEEDED
        if config.get(key, _MADE[key]) != _MADE[key]
    ]
    if wrong:
        raise BackboneRefusedError(
            f"the topic {name!r}: {'; '.join(wrong)}", where="backbone.stream"
        )


def weakness(replicas: int, wanted: int, config: Mapping[str, str]) -> str | None:
    """What is weaker or stronger than the settings say, though it works."""
    if replicas != wanted:
        return f"the topic has {replicas} replicas, backbone.replicas is {wanted}"
    if not config:
        return "the brokers do not tell the topic's settings: see that it keeps all events"
    if wanted > 1 and int(config.get("min.insync.replicas", 1)) < 2:
        return "min.insync.replicas of the topic is 1: an event may be lost with one broker"
    return None
