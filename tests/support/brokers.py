"""Every broker that can stand in front of a database, for the suites that all of them have to pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from event_system.eventlog.backbone.stream import Stream
from event_system.eventlog.kafka import connection as kafka
from event_system.eventlog.kafka.topic import KafkaTopic
from event_system.eventlog.nats.connection import Access, Connection
from event_system.eventlog.nats.stream import JetStream
from tests.support.sql import SharedDatabases


def jetstream(databases: SharedDatabases, name: str) -> Stream:
    return JetStream(Connection(Access(databases.nats.urls)), name, replicas=1)


def kafka_topic(databases: SharedDatabases, name: str) -> Stream:
    databases.kafka.topic(name)
    return KafkaTopic(kafka.Connection(kafka.Access(databases.kafka.servers, seconds=30.0)), name)


def rabbit(databases: SharedDatabases, name: str) -> Stream:
    return databases.rabbit.make(name)


BROKERS: dict[str, Callable[[SharedDatabases, str], Stream]] = {
    "kafka": kafka_topic,
    "nats": jetstream,
    "rabbitmq": rabbit,
}
"""How a client of the stream of a name is made, on a server for tests."""

NEEDED: dict[str, tuple[str, ...]] = {"kafka": (), "nats": (), "rabbitmq": ("rabbitmq",)}
"""The programs that each needs, beside packages; names of tools/services.py."""


def needing(name: str) -> list[pytest.MarkDecorator]:
    """What a log behind this broker needs, its database included."""
    return [pytest.mark.service("postgresql", *NEEDED[name])]


EACH = [pytest.param(name, marks=needing(name)) for name in BROKERS]
"""For fixtures' `params`."""
