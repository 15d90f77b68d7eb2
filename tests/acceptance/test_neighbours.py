"""Listeners that raise, hang, burn or do not even load harm nobody, and the operator sees why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

HERE = Path(__file__).parent / "listeners"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    directory = tmp_path_factory.mktemp("neighbours")
    modules = [HERE / "broken.py", HERE / "troubled.py"]
    with NodeProcess(directory, "server: {shutdown_grace: 500ms}", modules) as running:
        yield running


def trigger(node: NodeProcess, type_: str, count: int = 1) -> list[str]:
    events = [{"type": type_, "subject": f"s{n % 7}"} for n in range(count)]
    with node.client() as client:
        answer = client.post("/api/events/batch", json=events)
    assert answer.status_code == 200
    return [event["id"] for event in answer.json()["events"]]


def handled(node: NodeProcess) -> set[str]:
    path = node.directory / "good.log"
    return set(path.read_text().split()) if path.exists() else set()


def status(node: NodeProcess, name: str) -> dict[str, object]:
    with node.client() as client:
        return dict(client.get(f"/api/listeners/{name}").json())


@pytest.mark.parametrize("type_", ["player.login", "player.burn", "player.block"])
def test_the_good_listener_handles_everything_beside_bad_ones(
    node: NodeProcess, type_: str
) -> None:
    sent = trigger(node, type_, 1 if type_ != "player.login" else 200)
    assert wait_until(lambda: set(sent) <= handled(node))


def test_the_error_of_a_listener_is_shown_with_the_event(node: NodeProcess) -> None:
    (sent,) = trigger(node, "player.login")

    def states() -> dict[str, str]:
        with node.client() as client:
            found = client.get(f"/api/events/{sent}").json()["deliveries"]
        return {delivery["listener"]: delivery["state"] for delivery in found}

    wait_until(lambda: states()["raises"] == "retrying" and states()["good"] == "handled")
    assert states()["hangs"] == "pending"
    last_error = status(node, "raises")["last_error"]
    assert isinstance(last_error, str)
    assert last_error.startswith("ValueError: no ")


def test_a_sync_failure_neither_loses_the_event_nor_stops_the_others(node: NodeProcess) -> None:
    with node.client() as client:
        answer = client.post(
            "/api/events/trigger", json={"type": "player.level_up", "subject": "p1"}
        ).json()
    assert [(r["listener"], r.get("error"), r.get("result")) for r in answer["results"]] == [
        ("sync-raises", "KeyError: 'sync'", None),
        ("greeter", None, "hello p1"),
    ]
    with node.client() as client:
        assert client.get(f"/api/events/{answer['id']}").status_code == 200


def test_a_module_that_fails_to_import_is_named(node: NodeProcess) -> None:
    with node.client() as client:
        listeners = client.get("/api/listeners").json()["listeners"]
        health = client.get("/health").json()
    (broken,) = [found for found in listeners if found["state"] == "failed"]
    assert broken["name"].endswith("broken.py")
    assert "this module is broken" in broken["last_error"]
    assert health["status"] == "degraded"
    assert health["components"]["listeners"] == "degraded"


def test_who_blocks_the_event_loop_is_named_in_the_log(node: NodeProcess) -> None:
    trigger(node, "player.block")

    def named() -> bool:
        return any(
            "event loop has been blocked" in line["message"]
            and "blocks_the_loop" in line["context"]["stack"]
            for line in node.messages()
        )

    assert wait_until(named)
