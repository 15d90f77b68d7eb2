"""A node whose listeners hold every thread that the event loop has goes on all the same."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

CONFIG = """
on_call:
  people: {ann: {name: Ann, time_zone: Europe/Berlin}}
"""
GRASPING = Path(__file__).parent / "listeners" / "grasping.py"
SCHEDULE = {"cron": "0 5 * * *", "event": {"type": "game.tick"}}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """All threads are held from its first event on; the end kills it, as they never return."""
    directory = tmp_path_factory.mktemp("threads")
    with NodeProcess(directory, CONFIG, [GRASPING]) as running:
        take_all_threads(running)
        yield running


def take_all_threads(node: NodeProcess) -> None:
    with node.client() as client:
        client.post("/api/events/trigger", json={"type": "threads.take"}).raise_for_status()
    wait_until((node.directory / "taken").exists)


def test_the_process_ends_without_the_threads(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "server: {shutdown_grace: 500ms}", [GRASPING]) as node:
        take_all_threads(node)
        assert node.stop() == 0

    assert [m["message"] for m in node.messages()][-2] == "stopped"
    assert "a handler holds a thread" in node.messages()[-1]["message"]


def test_events_are_taken_handled_saved_and_found(node: NodeProcess) -> None:
    with node.client() as client:
        answer = client.post("/api/events/trigger", json={"type": "player.login", "subject": "p"})
        sent = answer.json()["id"]

        def is_handled() -> bool:
            found = client.get(f"/api/events/{sent}").json()["deliveries"]
            return [(each["listener"], each["state"]) for each in found] == [("ledger", "handled")]

        wait_until(is_handled)
        assert client.get("/api/listeners/ledger").json()["lag"] == 0
        events = client.get("/api/events", params={"subject": "p"}).json()["events"]

    assert [event["id"] for event in events] == [sent]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/api/on-call/people"])
def test_what_is_worked_out_beside_the_loop_is_answered(node: NodeProcess, path: str) -> None:
    with node.client() as client:
        assert client.get(path).status_code == 200


def test_metrics_are_packed(node: NodeProcess) -> None:
    assert node.metrics()


def test_a_schedule_is_kept(node: NodeProcess) -> None:
    with node.client() as client:
        assert client.put("/api/schedules/ticks", json=SCHEDULE).status_code == 200


def test_a_configuration_is_read_again(node: NodeProcess) -> None:
    node.signal(signal.SIGHUP)

    assert wait_until(lambda: [m for m in node.messages() if "reloaded" in m["message"]])
