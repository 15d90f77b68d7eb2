"""The addresses of servers to be read: checked, and never told with their passwords."""

from __future__ import annotations

import time

import pytest

from event_system.kernel.errors import ConfigurationError
from event_system.metrics.manager import MetricsManager
from event_system.node.collecting import Collecting
from event_system.node.configuration import load_settings

RIGHT = {
    "postgresql": "postgresql://u:secret@db/game",
    "mysql": "u:secret@tcp(db:3306)/game",
    "redis": "redis://:secret@cache:6379/0",
    "rabbitmq": "http://u:secret@mq:15672",
    "nats": "http://u:secret@nats:8222",
}


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("postgresql", "mysql://u:secret@db/game"),
        ("mysql", RIGHT["postgresql"]),
        ("redis", "http://:secret@cache"),
        ("rabbitmq", "amqp://u:secret@mq"),
        ("nats", "nats://u:secret@nats:4222"),
        ("nats", "http://u:secret@nats:8222?x=1"),
        ("postgresql", ""),
    ],
)
def test_an_address_of_something_else_is_refused_without_its_password(
    kind: str, address: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {}, {f"metrics.collectors.{kind}": [address]})

    assert f"metrics.collectors.{kind}" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_servers_are_named_without_user_and_password() -> None:
    overrides = {f"metrics.collectors.{kind}": [address] for kind, address in RIGHT.items()}
    settings = load_settings(None, {}, overrides).settings

    collecting = Collecting(settings, MetricsManager(), time.monotonic)
    names = [collector.name for collector in collecting.collectors]
    await collecting.close()

    assert names == [
        "postgresql db:5432/game",
        "mysql db:3306/game",
        "redis://cache:6379/0",
        "rabbitmq http://mq:15672",
        "nats http://nats:8222",
    ]


async def test_a_server_that_is_named_twice_is_read_once() -> None:
    given = {
        "database.enabled": True,
        "database.dsn": RIGHT["postgresql"],
        "metrics.collectors.postgresql": [RIGHT["postgresql"], "postgresql://other@db/game"],
    }
    settings = load_settings(None, {}, given).settings

    collecting = Collecting(settings, MetricsManager(), time.monotonic)
    names = [collector.name for collector in collecting.collectors]
    await collecting.close()

    assert names == ["postgresql db:5432/game"]


@pytest.mark.parametrize(
    "off", [{"metrics.collectors.own": False}, {"node.roles": ["api", "worker"]}]
)
async def test_a_node_that_is_not_to_look_reads_nothing(off: dict[str, object]) -> None:
    given = {"database.enabled": True, "database.dsn": RIGHT["postgresql"], **off}
    manager = MetricsManager()

    collecting = Collecting(load_settings(None, {}, given).settings, manager, time.monotonic)
    await collecting.close()

    assert collecting.collectors == []
    assert "database_server_up" not in manager


async def test_a_node_reads_what_it_uses_itself() -> None:
    given = {
        "database.enabled": True,
        "database.dsn": RIGHT["mysql"],
        "redis.url": RIGHT["redis"],
        "backbone.kind": "nats",
        "backbone.urls": ["nats://n1:4222", "nats://n2:4222"],
    }
    settings = load_settings(None, {}, given).settings

    collecting = Collecting(settings, MetricsManager(), time.monotonic)
    names = [collector.name for collector in collecting.collectors]
    await collecting.close()

    assert names == [
        "mysql db:3306/game",
        "redis://cache:6379/0",
        "nats nats://n1:4222, nats://n2:4222",
    ]
