"""Events that end the process to which a replay shows them: dead after their attempts."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

LISTENERS = Path(__file__).parent / "listeners" / "poisoned.py"
ATTEMPTS = 3


@pytest.mark.parametrize("name", ["past", "past-batch"])
def test_a_replay_goes_on_behind_an_event_that_kills_the_process(tmp_path: Path, name: str) -> None:
    with NodeProcess(tmp_path) as node:
        ids = ("first", "poison", "last")
        batch = [{"type": "test.past", "subject": "s", "id": id_} for id_ in ids]
        with node.client() as client:
            assert client.post("/api/events/batch", json=batch).status_code == 200
        node.stop()
        node.listeners = [LISTENERS]
        node.start()
        path = f"/api/listeners/{name}/replays"
        try:
            with node.client() as client:
                client.post(path, json={"from": 1})
        except httpx.HTTPError:
            pass
        assert node.ended() == -signal.SIGKILL
        replay = _survived(node, path)
        with node.client() as client:
            letters = client.get("/api/dead-letters", params={"listener": name}).json()
    (letter,) = letters["dead_letters"]
    assert (replay["state"], replay["progress"]) == ("done", 1.0)
    assert (letter["attempts"], letter["offset"]) == (ATTEMPTS, 2)
    begun = (tmp_path / "begun.log").read_text().split()
    assert ATTEMPTS <= begun.count("poison") <= ATTEMPTS + 1  # a batch does not tell which one
    assert {"first", "last"} <= set((tmp_path / "handled.log").read_text().split())


def _survived(node: NodeProcess, path: str) -> dict[str, Any]:
    """The replay, once it has ended; the node is started again as often as it dies."""
    while not node.comes_to_listen() or wait_until(lambda: _state(node, path)) == "died":
        pass
    with node.client() as client:
        found: dict[str, Any] = client.get(path).json()["replays"][0]
    return found


def _state(node: NodeProcess, path: str) -> str | None:
    """`died` or `ended`; None while the replay goes on."""
    assert node.process is not None
    if node.process.poll() is not None:
        return "died"
    try:
        with node.client() as client:
            return "ended" if client.get(path).json()["replays"][0]["ended_at"] else None
    except httpx.HTTPError:
        return None
