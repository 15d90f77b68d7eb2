"""Events looked at, followed and shown, over HTTP and from the shell, on a whole node."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.process import NodeProcess
from tests.support.waiting import PATIENCE_SECONDS, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "listeners.py"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path, listeners=[EXAMPLE]) as running:
        yield running


def command(node: NodeProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "event_system.cli", *arguments, "--url", node.url]
    return subprocess.run(
        whole, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def test_an_event_is_answered_handled_and_found(node: NodeProcess) -> None:
    event = {"type": "player.level_up", "subject": "Mo", "id": "up-1", "data": {"level": 10}}
    with node.client() as client:
        receipt = client.post("/api/events/trigger", json=event).json()
        wait_until(lambda: _states(client, "up-1") == {"handled"})
        detail = client.get("/api/events/up-1").json()
        page = client.get("/api/events", params={"type": "player.*", "subject": "Mo"}).json()
        report = client.post("/api/events/test").json()
        listeners = client.get("/api/listeners").json()["listeners"]

    assert receipt["results"][0]["result"] == "Level 10: well done, Mo!"
    assert [d["listener"] for d in detail["deliveries"]] == ["count", "greet", "leaderboard"]
    assert [found["offset"] for found in page["events"]] == [receipt["offset"]]
    assert report["ok"] is True
    figures = {each["name"]: (each["handled"], each["lag"]) for each in listeners}
    assert figures["leaderboard"] == (1, 0)


def _states(client: httpx.Client, id_: str) -> set[str]:
    return {each["state"] for each in client.get(f"/api/events/{id_}").json()["deliveries"]}


def test_health_answers_right_after_the_start(node: NodeProcess) -> None:
    with node.client() as client:
        health = client.get("/health")

    assert health.json()["status"] == "ok"
    assert {"event_manager", "database", "metrics"} <= set(health.json()["components"])


def test_the_shell_shows_what_http_shows(node: NodeProcess) -> None:
    triggered = command(node, "trigger", "player.login", "--id", "x", "--subject", "Mo", "--json")
    listed = command(node, "events", "list", "--json")
    shown = command(node, "events", "show", "x", "--json")
    listeners = command(node, "listeners", "list", "--json")
    unknown = command(node, "events", "show", "y")

    assert json.loads(triggered.stdout)["offset"] == 1
    assert [event["id"] for event in json.loads(listed.stdout)["events"]] == ["x"]
    assert json.loads(shown.stdout)["event"]["subject"] == "Mo"
    assert {each["name"] for each in json.loads(listeners.stdout)["listeners"]} >= {"greet"}
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "[event.not_found]" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_a_command_without_a_node_says_how_to_start_one(node: NodeProcess) -> None:
    node.stop()

    done = command(node, "demo")

    assert done.returncode == 1
    assert "event-system serve" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_plays_against_a_node(node: NodeProcess) -> None:
    done = command(node, "demo", "--seconds", "1", "--players", "5", "--json")

    summary = json.loads(done.stdout)
    assert done.returncode == 0
    assert (summary["accepted"], summary["refused"]) == (50, {})


def test_a_tail_misses_nothing_over_kill_9(node: NodeProcess) -> None:
    arguments = ["events", "tail", "--after", "0", "--json", "--url", node.url]
    tail = subprocess.Popen(
        [sys.executable, "-m", "event_system.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen: list[dict[str, Any]] = []
    reader = threading.Thread(target=_read, args=(tail, seen))
    reader.start()
    port = node.port
    _add(node, 40)
    wait_until(lambda: len(seen) == 40)
    node.kill()
    node.start(port)
    _add(node, 40)
    wait_until(lambda: len(seen) >= 80)
    tail.terminate()
    tail.wait(PATIENCE_SECONDS)
    reader.join()
    assert tail.stderr is not None
    notices = tail.stderr.read()
    tail.stderr.close()

    assert [event["offset"] for event in seen] == list(range(1, 81))
    assert "trying again" in notices


def _read(tail: subprocess.Popen[str], seen: list[dict[str, Any]]) -> None:
    assert tail.stdout is not None
    seen.extend(map(json.loads, tail.stdout))  # grows line by line
    tail.stdout.close()


def _add(node: NodeProcess, count: int) -> None:
    with node.client() as client:
        batch = [{"type": "player.login"}] * count
        assert client.post("/api/events/batch", json=batch).status_code == 200


def test_events_are_found_by_what_became_of_their_deliveries(node: NodeProcess) -> None:
    """`greet` fails where there is no level; the leaderboard's filter leaves such events out."""
    levels = {"good": {"level": 3}, "bad": {}, "worse": {}}
    with node.client() as client:
        for id_, data in levels.items():
            event = {"type": "player.level_up", "id": id_, "data": data}
            assert client.post("/api/events/trigger", json=event).status_code == 200
        wait_until(lambda: not _states(client, "worse") & {"pending"})

        def ids(**query: str) -> list[str]:
            answer = client.get("/api/events", params=query)
            return [each["id"] for each in answer.json()["events"]]

        assert ids(status="dead") == ["worse", "bad"]
        assert ids(status="dead", listener="greet", order="oldest") == ["bad", "worse"]
        assert ids(status="dead", listener="leaderboard") == []
        assert ids(status="skipped", listener="leaderboard") == ["worse", "bad"]
        assert ids(status="handled", listener="leaderboard", type="player.*") == ["good"]
        assert ids(status="handled", listener="greet") == ["good"]
        assert ids(status="pending") == []
        unknown = client.get("/api/events?status=dead&listener=great")
    listed = command(node, "events", "list", "--status", "dead", "--where", "data.level exists")
    named = command(node, "events", "list", "--status", "dead", "--listener", "great")

    assert (unknown.status_code, unknown.json()["code"]) == (404, "listener.not_found")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert (named.returncode, "[listener.not_found]" in named.stderr) == (1, True)
