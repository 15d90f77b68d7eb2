"""A node whose events and state are on PostgreSQL or MariaDB, as its users run it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from event_system.sql.dsn import Dsn
from tests.support.process import NodeProcess
from tests.support.sql import ENGINES, connecting, fresh_database
from tests.support.waiting import wait_until

LISTENERS = Path(__file__).parent / "listeners"
SHIPPED = Path(__file__).parents[2] / "examples" / "listeners.py"


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest) -> Iterator[Dsn]:
    with fresh_database(request.param, "node") as dsn:
        yield dsn


def config(dsn: Dsn) -> str:
    """In the form of a deployment guide: Go's for MySQL."""
    text = dsn.url
    if dsn.dialect == "mysql":
        text = f"{dsn.user}@tcp({dsn.host}:{dsn.port})/{dsn.database}"
        text += "?charset=utf8mb4&parseTime=True&loc=Local"
    return f"""
event:
  async_workers: 4
  async_channel_size: 1000
database:
  enabled: true
  dsn: {text}
logging:
  level: info
  format: json
"""


def found(client: httpx.Client, **query: Any) -> list[str]:
    return [event["id"] for event in client.get("/api/events", params=query).json()["events"]]


def lag(client: httpx.Client) -> int:
    listeners = client.get("/api/listeners").json()["listeners"]
    return sum(int(listener["lag"]) for listener in listeners)


def test_the_shipped_listeners_keep_their_table_on_a_server(dsn: Dsn, tmp_path: Path) -> None:
    levels = [("Mo", 10), ("Ada", 3), ("Mo", 9), ("Mo", 12), ("Ada", 4)]
    with NodeProcess(tmp_path, config(dsn), [SHIPPED]) as node, node.client() as client:
        for number, (player, level) in enumerate(levels):
            event = {"type": "player.level_up", "subject": player, "data": {"level": level}}
            event["id"] = f"e{number}"
            answer = client.post("/api/events/trigger", json=event).json()
            assert answer["results"][0]["result"] == f"Level {level}: well done, {player}!"
            wait_until(lambda: lag(client) == 0)
    with connecting(dsn) as connection:
        kept = connection.execute(sa.text("SELECT player, level FROM leaderboard"))
        assert dict(map(tuple, kept)) == {"Mo": 12, "Ada": 4}


def test_a_node_on_a_server_goes_on_where_it_stopped(dsn: Dsn, tmp_path: Path) -> None:
    with NodeProcess(tmp_path, config(dsn), [LISTENERS / "recording.py"]) as node:
        assert f"  database   {dsn}" in node.log
        with node.client() as client:
            event = {"type": "player.level_up", "subject": "player-1", "data": {"level": 10}}
            first = client.post("/api/events/trigger", json=event).json()
            assert first["offset"] == 1
            batch = [
                {"type": "player.login", "subject": f"s{n % 3}", "id": f"e{n}"} for n in range(50)
            ]
            stored = client.post("/api/events/batch", json=batch).json()
            assert [each["offset"] for each in stored["events"]] == list(range(2, 52))
            again = client.post("/api/events/batch", json=batch).json()
            assert again["duplicates"] == 50
            wait_until(lambda: lag(client) == 0)
            assert found(client, type="player.level_up") == [first["id"]]
            assert len(found(client, subject="s1")) == 17
            assert len(found(client, type="player.level_up", where="data.level>=10")) == 1
            assert client.get("/health").json()["components"]["database"] == "ok"
        samples = node.metrics()
        assert samples["db_connections_max"] == 25
        assert samples["db_connections_active"] >= 1
        assert node.stop() == 0
        assert [m["message"] for m in node.messages() if m["level"] == "ERROR"] == []

        node.start()
        with node.client() as client:
            wait_until(lambda: lag(client) == 0)
            one = client.post("/api/events/trigger", json=event).json()
            assert one["offset"] == 52
            wait_until(lambda: lag(client) == 0)
        assert node.stop() == 0
    lines = (tmp_path / "handled.log").read_text().split()
    assert len(lines) == 2 * 2 * 52


@pytest.mark.parametrize("dsn", ENGINES[:1], indirect=True)  # contracts have both
def test_failed_deliveries_are_kept_and_requeued(dsn: Dsn, tmp_path: Path) -> None:
    with NodeProcess(tmp_path, config(dsn), [LISTENERS / "failing.py"]) as node:
        with node.client() as client:
            client.post("/api/events/trigger", json={"type": "test.die", "id": "bad"})
            wait_until(lambda: client.get("/api/dead-letters").json()["dead_letters"])
        assert node.stop() == 0
        node.start()
        with node.client() as client:
            (dead, *_) = client.get("/api/dead-letters").json()["dead_letters"]
            assert dead["state"] == "dead"
            assert found(client, status="dead") == ["bad"]


@pytest.mark.parametrize("dsn", ENGINES[:1], indirect=True)  # contracts have both
def test_what_waits_for_its_time_is_on_the_server(dsn: Dsn, tmp_path: Path) -> None:
    with NodeProcess(tmp_path, config(dsn)) as node:
        with node.client() as client:
            client.put(
                "/api/schedules/hourly", json={"cron": "0 * * * *", "event": {"type": "tick"}}
            )
            entry = {"description": "What a guild owes."}
            assert client.put("/api/types/guild.tax", json=entry).status_code in (200, 201)
            soon = datetime.now(UTC) + timedelta(seconds=3)
            later = {"type": "later", "id": "l1", "deliver_at": soon.isoformat()}
            assert client.post("/api/events/trigger", json=later).json()["offset"] == 0
        node.kill()
        node.start()
        with node.client() as client:
            schedules = client.get("/api/schedules").json()["schedules"]
            assert [each["name"] for each in schedules] == ["hourly"]
            assert client.get("/api/types/guild.tax").json()["description"] == "What a guild owes."
            wait_until(lambda: found(client, type="later") == ["l1"])


def test_a_server_that_refuses_is_told_with_what_to_do(tmp_path: Path) -> None:
    dsn = Dsn("postgresql", "127.0.0.1", 1, "u", "d", "hunter2")
    node = NodeProcess(tmp_path, config(dsn) + "", options=[])
    node.config.write_text(config(dsn).replace("enabled: true", "enabled: true\n  wait: 0s"))

    with pytest.raises(AssertionError, match=r"database\.unreachable") as raised:
        node.start()

    assert "hunter2" not in str(raised.value)
    assert json.dumps(node.messages()).count("hunter2") == 0
