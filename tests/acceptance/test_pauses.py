"""Pauses and removed listeners on a whole node, across restarts and `kill -9`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

LISTENERS = Path(__file__).parent / "listeners" / "recording.py"


def send(client: httpx.Client, count: int) -> None:
    batch = [{"type": "player.login", "subject": f"s{n % 9}"} for n in range(count)]
    assert client.post("/api/events/batch", json=batch).status_code == 200


def status(client: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/listeners/{name}").json()
    return found


def settled(client: httpx.Client, *names: str) -> bool:
    return all(status(client, name)["lag"] == 0 for name in names)


def recorded(directory: Path) -> int:
    """How many different events the `recorder` has handled."""
    lines = (directory / "handled.log").read_text().splitlines()
    return len({line for line in lines if not line.startswith("thread-")})


def test_a_pause_survives_kill_9_and_ends_by_itself(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, listeners=[LISTENERS]) as node:
        with node.client() as client:
            send(client, 20)
            wait_until(lambda: settled(client, "recorder", "ledger"))
            for name in ("recorder", "ledger"):
                assert client.post(f"/api/listeners/{name}/pause").json()["state"] == "paused"
            send(client, 30)
            wait_until(lambda: settled(client, "threaded"))
        node.kill()
        node.start()
        with node.client() as client:
            send(client, 10)
            wait_until(lambda: settled(client, "threaded"))
            assert [status(client, n)["state"] for n in ("recorder", "ledger")] == ["paused"] * 2
            assert status(client, "ledger")["lag"] == 40
            assert recorded(tmp_path) == 20
            client.post("/api/listeners/recorder/pause", json={"for": "1s"})
            client.post("/api/listeners/ledger/resume")
            wait_until(lambda: settled(client, "recorder", "ledger"))
            assert status(client, "recorder")["state"] == "running"
    assert recorded(tmp_path) == 60


def test_a_pause_whose_deadline_passes_while_the_node_is_down_is_over(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, listeners=[LISTENERS]) as node:
        with node.client() as client:
            client.post("/api/listeners/recorder/pause", json={"for": "300ms"})
            send(client, 5)
        node.kill()
        node.start()
        with node.client() as client:
            wait_until(lambda: settled(client, "recorder"))
            wait_until(lambda: status(client, "recorder")["state"] == "running")
    assert recorded(tmp_path) == 5


def test_a_removed_listener_keeps_its_place_until_it_is_purged(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, listeners=[LISTENERS]) as node:
        with node.client() as client:
            send(client, 20)
            wait_until(lambda: settled(client, "recorder", "ledger", "threaded"))
        node.stop()
        node.listeners = []
        node.start()
        with node.client() as client:
            send(client, 10)
            before = status(client, "ledger")
            assert (before["state"], before["lag"]) == ("removed", 10)
            assert client.delete("/api/listeners/threaded").json()["state"] == "removed"
            assert status(client, "threaded")["code"] == "listener.not_found"
        node.kill()
        node.listeners = [LISTENERS]
        node.start()
        with node.client() as client:
            wait_until(lambda: settled(client, "recorder", "ledger", "threaded"))
            assert client.delete("/api/listeners/ledger").status_code == 409
    assert recorded(tmp_path) == 30
    lines = (tmp_path / "handled.log").read_text().splitlines()
    threaded = Counter(line for line in lines if line.startswith("thread-"))
    assert sum(times >= 2 for times in threaded.values()) >= 20  # it began anew
