"""A node behind RabbitMQ, as its users run it: the broker is restarted and killed under load."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_system.sql.dsn import Dsn
from tests.acceptance.test_backbone import LISTENERS, check, lag, more
from tests.support.clients import Clients
from tests.support.process import NodeProcess
from tests.support.rabbit_server import RabbitServer, rabbit_server
from tests.support.sql import fresh_database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.service("postgresql", "rabbitmq")


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitServer]:
    with rabbit_server() as server:
        yield server


@pytest.fixture
def dsn() -> Iterator[Dsn]:
    with fresh_database("postgresql", "rabbitmq") as dsn:
        yield dsn


def config(dsn: Dsn, broker: RabbitServer) -> str:
    members = {"kind": "rabbitmq", "urls": [broker.url], "replicas": 1, "patience": "2s"}
    text = f"database: {{enabled: true, dsn: '{dsn.url}'}}\nlogging: {{format: json}}\n"
    return f"{text}backbone: {json.dumps(members)}\n"


def refusing(clients: Clients) -> None:
    """Wait until more requests are refused."""
    before = clients.refused
    wait_until(lambda: clients.refused > before)


def test_a_broker_is_restarted_and_killed_under_load_and_nothing_is_lost(
    broker: RabbitServer, dsn: Dsn, tmp_path: Path
) -> None:
    clients = Clients(patient=True)
    with (
        NodeProcess(tmp_path, config(dsn, broker), [LISTENERS]) as node,
        node.client() as client,
    ):
        threads = clients.load(node.url)
        more(clients, 100)
        for how in (signal.SIGTERM, signal.SIGKILL):
            broker.stop(how)
            refusing(clients)
            assert client.get("/health").json()["components"]["database"] == "down"
            broker.start()
            more(clients, 200)
        clients.enough.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: lag(client) == 0)
        wait_until(lambda: client.get("/health").json()["status"] == "ok")
        assert node.stop() == 0
        told = [m["message"] for m in node.messages() if m["level"] == "ERROR"]
    assert clients.refused > 0
    assert all("log fails" in message for message in told), told
    check(tmp_path, dsn, clients)
