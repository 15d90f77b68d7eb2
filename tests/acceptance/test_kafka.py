"""Nodes behind Kafka brokers, as their users run them: brokers and nodes fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import EVENTS
from tests.acceptance.test_backbone import lag, search
from tests.acceptance.test_cluster import all_counts_once, loaded, spread, started, until
from tests.support.kafka import KafkaBrokers, kafka_brokers
from tests.support.process import NodeProcess
from tests.support.sql import connecting, fresh_database
from tests.support.stream_log import new_name
from tests.support.waiting import wait_until

LISTENERS = Path(__file__).parent / "listeners" / "recording.py"
pytestmark = pytest.mark.service("postgresql")


@pytest.fixture
def brokers() -> Iterator[KafkaBrokers]:
    with kafka_brokers() as brokers:
        yield brokers


@pytest.fixture
def topic(brokers: KafkaBrokers) -> str:
    name = new_name()
    brokers.topic(name)
    return name


@pytest.fixture
def dsn() -> Iterator[Dsn]:
    with fresh_database("postgresql", "kafka") as dsn:
        with connecting(dsn) as connection:
            connection.execute(sa.text("CREATE TABLE ledger (id VARCHAR(64), subject VARCHAR(64))"))
        yield dsn


def backbone(brokers: KafkaBrokers, topic: str) -> str:
    members = {"kind": "kafka", "stream": topic, "urls": brokers.urls, "patience": "20s"}
    return f"backbone: {json.dumps(members)}\n"


def test_events_go_through_the_topic_to_listeners_and_history(
    brokers: KafkaBrokers, topic: str, dsn: Dsn, tmp_path: Path
) -> None:
    config = f"database: {{enabled: true, dsn: '{dsn.url}'}}\nlogging: {{format: json}}\n"
    with NodeProcess(tmp_path, config + backbone(brokers, topic), [LISTENERS]) as node:
        with node.client() as client:
            event = {"type": "player.level_up", "subject": "p1", "data": {"level": 10}}
            assert client.post("/api/events/trigger", json=event).json()["offset"] == 1
            batch = [
                {"type": "player.login", "subject": f"s{n % 3}", "id": f"e{n}"} for n in range(50)
            ]
            stored = client.post("/api/events/batch", json=batch).json()
            assert [each["offset"] for each in stored["events"]] == list(range(2, 52))
            assert client.post("/api/events/batch", json=batch).json()["duplicates"] == 50
            wait_until(lambda: len(search(client, subject="s1")) == 17)
            soon = datetime.now(UTC) + timedelta(seconds=1)
            later = {"type": "player.login", "id": "later", "deliver_at": soon.isoformat()}
            assert client.post("/api/events/trigger", json=later).status_code == 200
            wait_until(lambda: client.get("/api/events/later").status_code == 200)
            wait_until(lambda: lag(client) == 0)
            assert client.get("/health").json()["components"]["database"] == "degraded"
        assert node.stop() == 0
        told = [m["message"] for m in node.messages()]
        assert sum("do not tell the topic's settings" in message for message in told) == 1
        node.start()
        with node.client() as client:
            assert client.post("/api/events/batch", json=batch).json()["duplicates"] == 50
            assert client.post("/api/events/trigger", json=event).json()["offset"] == 53
            wait_until(lambda: lag(client) == 0)
        assert node.stop() == 0
    assert len((tmp_path / "handled.log").read_text().splitlines()) == 2 * 53


async def test_the_leading_broker_and_a_node_are_gone_and_nothing_is_lost(
    brokers: KafkaBrokers, topic: str, dsn: Dsn, tmp_path: Path
) -> None:
    brokers.lead(topic, 1)
    more = backbone(brokers, topic)
    async with started(tmp_path, {"a": dsn, "b": dsn}, more=more) as crew:
        await until(lambda: spread(dsn, "a", "b"))
        async with loaded(crew, patience=20.0) as load:
            await until(lambda: crew.count("a") > 50)
            brokers.stop(1)
            brokers.lead(topic, 2)
            await load.goes_on()
            brokers.start(1)
            brokers.lead(topic, 1)
            await load.goes_on()
            await asyncio.to_thread(crew.nodes["a"].kill)
            del crew.ports["a"]
            await until(lambda: spread(dsn, "b"))
            await load.goes_on()
        await all_counts_once(crew, load, dsn)
    with connecting(dsn) as connection:
        chosen = sa.select(EVENTS.c.offset, EVENTS.c.id).where(EVENTS.c.source == "drill")
        stored = {str(id_): int(offset) for offset, id_ in connection.execute(chosen)}
    assert sorted(stored.values()) == list(range(1, len(stored) + 1))
    assert stored.items() >= load.acknowledged.items()
