"""Nodes and servers that are killed under load: nothing acknowledged is lost or doubled.

`KILL_ROUNDS` and `KILL_SEED` choose how many rounds, and which.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from event_system.sql.dsn import Dsn
from tests.support.clients import Clients
from tests.support.kept import Kept
from tests.support.process import NodeProcess
from tests.support.servers import PrivateServer, private_server
from tests.support.sql import ENGINES, connecting, fresh_database
from tests.support.waiting import wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
SEED = int(os.environ.get("KILL_SEED", "5"))
LISTENERS = Path(__file__).parent / "listeners" / "recording.py"


def config(dsn: Dsn) -> str:
    return f"database: {{enabled: true, dsn: '{dsn.url}'}}\nlogging: {{format: json}}\n"


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    with fresh_database(request.param, "kill") as dsn:
        yield dsn


@pytest.fixture(params=ENGINES)
def server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    with private_server(request.param) as server:
        yield server


def test_a_node_killed_under_load_loses_and_doubles_nothing(dsn: Dsn, tmp_path: Path) -> None:
    clients, chosen = Clients(), random.Random(SEED)
    with NodeProcess(tmp_path, config(dsn), [LISTENERS]) as node:
        for round_ in range(ROUNDS):
            if round_:
                node.start()
            threads = clients.load(node.url)
            goal = len(clients.acknowledged) + chosen.randrange(1, 400)
            wait_until(lambda goal=goal: len(clients.acknowledged) > goal)  # type: ignore[misc]
            node.kill()
            for thread in threads:
                thread.join()
        node.start()
        with node.client() as client:
            wait_until(lambda: lag(client) == 0)
        assert node.stop() == 0
    check(tmp_path, dsn, clients)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_server_restarted_under_load_holds_up_and_loses_nothing(
    server: PrivateServer, how: signal.Signals, tmp_path: Path
) -> None:
    clients = Clients(patient=True)
    with NodeProcess(tmp_path, config(server.dsn), [LISTENERS]) as node:
        threads = clients.load(node.url)
        for _ in range(3):
            goal = len(clients.acknowledged) + 200
            wait_until(lambda goal=goal: len(clients.acknowledged) > goal)  # type: ignore[misc]
            server.stop(how)
            server.start()
        goal = len(clients.acknowledged) + 200
        wait_until(lambda: len(clients.acknowledged) > goal)
        clients.enough.set()
        for thread in threads:
            thread.join()
        with node.client() as client:
            wait_until(lambda: lag(client) == 0)
            wait_until(lambda: client.get("/health").json()["status"] == "ok")
        assert node.stop() == 0
    check(tmp_path, server.dsn, clients)


def test_a_server_away_for_longer_than_the_lease_stops_delivery_but_not_the_node(
    server: PrivateServer, tmp_path: Path
) -> None:
    with NodeProcess(tmp_path, config(server.dsn), [LISTENERS]) as node, node.client() as client:
        event = {"type": "player.login", "subject": "s"}
        assert client.post("/api/events/trigger", json=event).status_code == 200
        wait_until(lambda: lag(client) == 0)
        server.stop()
        assert client.post("/api/events/trigger", json=event).status_code == 503
        wait_until(lambda: "could not be renewed" in "\n".join(node.log))
        assert client.get("/health").json()["components"]["database"] == "down"
        server.start()
        wait_until(lambda: client.post("/api/events/trigger", json=event).status_code == 200)
        wait_until(lambda: lag(client) == 0)
        wait_until(lambda: client.get("/health").json()["status"] == "ok")
        assert node.stop() == 0


def lag(client: httpx.Client) -> int:
    answer = client.get("/api/listeners")
    if answer.status_code != 200:
        return -1
    return sum(int(listener["lag"]) for listener in answer.json()["listeners"])


def check(directory: Path, dsn: Dsn, clients: Clients) -> None:
    with connecting(dsn) as connection:
        rows = connection.execute(sa.text(_events(dsn))).all()
        ledger = list(connection.execute(sa.text("SELECT id FROM ledger")).scalars())
    stored = {int(offset): _text(id_) for offset, id_, _ in rows}
    assert max(Counter(stored.values()).values()) == 1
    for id_, offset in clients.acknowledged.items():
        assert stored[offset] == id_
    assert set(stored.values()) <= set(clients.sent)
    assert sorted(stored) == list(range(1, len(stored) + 1))
    assert Kept(directory, dsn).verify().findings == []
    lines = (directory / "handled.log").read_text().split()
    handled = list(zip(lines[::2], lines[1::2], strict=True))
    for prefix in ("s", "thread-s"):
        mine = [id_ for subject, id_ in handled if subject.startswith(prefix)]
        assert set(mine) == set(stored.values())
    assert Counter(ledger) == Counter(stored.values())


def _events(dsn: Dsn) -> str:
    quote = '"' if dsn.dialect == "postgresql" else "`"
    return f"SELECT {quote}offset{quote}, id, subject FROM events WHERE source = 'drill'"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
