"""A node behind a NATS cluster of three, as its users run it: servers, links and nodes fail."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from event_system.eventlog.nats.connection import Access, Connection
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import EVENTS
from tests.acceptance.test_cluster import (
    all_counts_once,
    loaded,
    spread,
    started,
    until,
)
from tests.support.clients import Clients
from tests.support.link import Link
from tests.support.nats import NatsServer, NatsServers, nats_servers
from tests.support.process import NodeProcess
from tests.support.sql import connecting, fresh_database
from tests.support.stream_log import new_name
from tests.support.waiting import wait_until

LISTENERS = Path(__file__).parent / "listeners" / "recording.py"
pytestmark = pytest.mark.service("postgresql")


@pytest.fixture(scope="module")
def cluster() -> Iterator[NatsServers]:
    with nats_servers(3) as servers:
        yield servers


@pytest.fixture
def dsn() -> Iterator[Dsn]:
    with fresh_database("postgresql", "backbone") as dsn:
        yield dsn


@pytest.fixture
def stream() -> str:
    return new_name()


def config(dsn: Dsn, stream: str, *urls: str, patience: str = "12s") -> str:
    text = f"database: {{enabled: true, dsn: '{dsn.url}'}}\nlogging: {{format: json}}\n"
    return text + backbone(stream, *urls, patience=patience)


def backbone(stream: str, *urls: str, patience: str = "12s") -> str:
    members = {"kind": "nats", "stream": stream, "urls": urls, "patience": patience}
    return f"backbone: {json.dumps(members)}\n"


def leader(cluster: NatsServers, stream: str) -> NatsServer:
    """The server that leads a stream now."""

    async def ask() -> str:
        connection = Connection(Access(cluster.urls))
        try:
            answer = await connection.request(f"$JS.API.STREAM.INFO.{stream}")
        finally:
            await connection.close()
        return str(json.loads(answer.data)["cluster"]["leader"])

    name = asyncio.run(ask())
    return next(server for server in cluster.servers if name == f"n{server.number}")


def lag(client: httpx.Client) -> int:
    answer = client.get("/api/listeners")
    if answer.status_code != 200:
        return -1
    return sum(int(listener["lag"]) for listener in answer.json()["listeners"])


def search(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    """Stored events; searches find the newest once the tables have them."""
    return list(client.get("/api/events", params=query).json()["events"])


def more(clients: Clients, number: int = 100) -> None:
    """Wait until so many more events are acknowledged."""
    goal = len(clients.acknowledged) + number
    wait_until(lambda: len(clients.acknowledged) >= goal)


def test_events_go_through_the_stream_to_listeners_and_history(
    cluster: NatsServers, dsn: Dsn, stream: str, tmp_path: Path
) -> None:
    with NodeProcess(tmp_path, config(dsn, stream, *cluster.urls), [LISTENERS]) as node:
        with node.client() as client:
            event = {"type": "player.level_up", "subject": "p1", "data": {"level": 10}}
            first = client.post("/api/events/trigger", json=event).json()
            assert first["offset"] == 1
            batch = [
                {"type": "player.login", "subject": f"s{n % 3}", "id": f"e{n}"} for n in range(50)
            ]
            stored = client.post("/api/events/batch", json=batch).json()
            assert [each["offset"] for each in stored["events"]] == list(range(2, 52))
            assert client.post("/api/events/batch", json=batch).json()["duplicates"] == 50
            wait_until(lambda: len(search(client, subject="s1")) == 17)
            many = [{"type": "player.login"}] * 1_001
            refused = client.post("/api/events/batch", json=many)
            assert (refused.status_code, refused.json()["code"]) == (413, "backbone.too_large")
            soon = datetime.now(UTC) + timedelta(seconds=1)
            later = {"type": "player.login", "id": "later", "deliver_at": soon.isoformat()}
            assert client.post("/api/events/trigger", json=later).status_code == 200
            wait_until(lambda: client.get("/api/events/later").status_code == 200)
            wait_until(lambda: lag(client) == 0)
            assert client.get("/health").json()["components"]["database"] == "ok"
        assert node.metrics()["db_log_lag"] == 0
        assert node.stop() == 0
        assert [m["message"] for m in node.messages() if m["level"] == "ERROR"] == []
        node.start()
        with node.client() as client:
            assert client.post("/api/events/batch", json=batch).json()["duplicates"] == 50
            assert client.post("/api/events/trigger", json=event).json()["offset"] == 53
            wait_until(lambda: lag(client) == 0)
        assert node.stop() == 0
    assert len((tmp_path / "handled.log").read_text().splitlines()) == 2 * 53


async def test_one_of_three_servers_and_one_of_three_nodes_are_killed_and_nothing_is_lost(
    cluster: NatsServers, dsn: Dsn, stream: str, tmp_path: Path
) -> None:
    more = backbone(stream, *cluster.urls)
    async with started(tmp_path, {"a": dsn, "b": dsn, "c": dsn}, more=more) as crew:
        await until(lambda: spread(dsn, "a", "b", "c"))
        async with loaded(crew, patience=20.0) as load:
            await until(lambda: crew.count("a") > 50)
            killed = await asyncio.to_thread(leader, cluster, stream)
            killed.stop()
            await load.goes_on()
            await crew.goes_on()
            killed.start()
            await load.goes_on()
            await asyncio.to_thread(crew.nodes["a"].kill)
            del crew.ports["a"]
            await until(lambda: spread(dsn, "b", "c"))
            await load.goes_on()
            await crew.goes_on()
            killed.wait()
        await all_counts_once(crew, load, dsn)
    with connecting(dsn) as connection:
        chosen = sa.select(EVENTS.c.offset, EVENTS.c.id).where(EVENTS.c.source == "drill")
        stored = {str(id_): int(offset) for offset, id_ in connection.execute(chosen)}
    assert sorted(stored.values()) == list(range(1, len(stored) + 1))
    assert stored.items() >= load.acknowledged.items()


async def test_a_node_cut_off_from_the_servers_refuses_and_goes_on_once_it_is_back(
    cluster: NatsServers, dsn: Dsn, stream: str, tmp_path: Path
) -> None:
    async with Link(lambda: [server.port for server in cluster.servers]) as link:
        url = f"nats://127.0.0.1:{link.port}"
        later = asyncio.get_running_loop().call_soon_threadsafe
        cut, mend = partial(later, link.cut), partial(later, link.mend)
        await asyncio.to_thread(
            _cut_off, cut, mend, config(dsn, stream, url, patience="2s"), tmp_path, dsn
        )


def _cut_off(
    cut: Callable[[], object], mend: Callable[[], object], text: str, directory: Path, dsn: Dsn
) -> None:
    clients = Clients(patient=True)
    with NodeProcess(directory, text, [LISTENERS]) as node, node.client() as client:
        threads = clients.load(node.url)
        more(clients, 200)
        cut()
        wait_until(lambda: client.get("/health").json()["components"]["database"] == "down")
        wait_until(lambda: clients.are_all_refused)
        before, refused = len(clients.acknowledged), clients.refused
        wait_until(lambda: clients.refused > refused + 10)
        assert len(clients.acknowledged) == before
        mend()
        more(clients)
        clients.enough.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: lag(client) == 0)
        wait_until(lambda: client.get("/health").json()["status"] == "ok")
        assert node.stop() == 0
    check(directory, dsn, clients)


def check(directory: Path, dsn: Dsn, clients: Clients) -> None:
    """Nothing acknowledged is lost, nothing is there twice, and subjects are in order."""
    with connecting(dsn) as connection:
        chosen = sa.select(EVENTS.c.offset, EVENTS.c.id).where(EVENTS.c.source == "drill")
        stored = {int(offset): str(id_) for offset, id_ in connection.execute(chosen)}
        ledger = list(connection.execute(sa.text("SELECT id FROM ledger")).scalars())
    assert sorted(stored) == list(range(1, len(stored) + 1))
    assert max(Counter(stored.values()).values()) == 1
    assert {id_: offset for offset, id_ in stored.items()}.items() >= clients.acknowledged.items()
    assert Counter(ledger) == Counter(stored.values())
    lines = (directory / "handled.log").read_text().split()
    for prefix in ("s", "thread-s"):
        handled: dict[str, list[int]] = {}
        for subject, id_ in zip(lines[::2], lines[1::2], strict=True):
            if subject.startswith(prefix):
                numbers = handled.setdefault(subject, [])
                if (number := int(id_.rpartition("-")[2])) not in numbers:  # or seen again
                    numbers.append(number)
        assert sum(map(len, handled.values())) == len(stored)
        assert all(numbers == sorted(numbers) for numbers in handled.values())
