"""Events that end the process in whose hands they are: dead after exactly their attempts."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

LISTENERS = Path(__file__).parent / "listeners" / "poisoned.py"
ENDED = "the process ended while the handler ran"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("poison"), listeners=[LISTENERS]) as running:
        yield running


def send(node: NodeProcess, kind: str, *ids: str, subject: str = "s") -> None:
    """Send events in one commit, each of its subject; the node may die of them before it answers."""
    batch = [{"type": f"test.{kind}", "subject": subject.format(id_), "id": id_} for id_ in ids]
    try:
        with node.client() as client:
            assert client.post("/api/events/batch", json=batch).status_code == 200
    except httpx.HTTPError:
        assert node.ended() == -signal.SIGKILL


def deaths(node: NodeProcess, kind: str) -> int:
    """How often the node dies, and is started again, until the listener is at rest."""
    died = 0
    while wait_until(lambda: code(node) or at_rest(node, kind)) is not True:
        assert node.ended() == -signal.SIGKILL
        died += 1
        while not node.comes_to_listen():
            died += 1
    return died


def code(node: NodeProcess) -> int | None:
    """The exit code of a node that has ended."""
    assert node.process is not None
    return node.process.poll()


def at_rest(node: NodeProcess, kind: str) -> bool:
    try:
        with node.client() as client:
            found = client.get(f"/api/listeners/{kind}").json()
    except httpx.HTTPError:
        return False
    return (found["lag"], found["retrying"]) == (0, 0)


def letter(node: NodeProcess, kind: str) -> tuple[str, int, str]:
    """Of the listener's one dead letter: the event's id, the attempts, the error."""
    with node.client() as client:
        page = client.get("/api/dead-letters", params={"listener": kind}).json()
        (found,) = page["dead_letters"]
        detail = client.get(f"/api/dead-letters/{kind}/{found['offset']}").json()
    return detail["event"]["id"], found["attempts"], found["error"]


def begun(node: NodeProcess) -> Counter[str]:
    return Counter((node.directory / "begun.log").read_text().split())


def handled(node: NodeProcess) -> list[str]:
    return (node.directory / "handled.log").read_text().split()


@pytest.mark.parametrize("kind", ["park", "block", "batch"])
def test_an_event_that_kills_the_process_is_dead_after_its_attempts(
    node: NodeProcess, kind: str
) -> None:
    poison = f"poison-{kind}"
    send(node, kind, poison)
    assert deaths(node, kind) == 3
    assert begun(node)[poison] == 3
    assert letter(node, kind) == (poison, 3, ENDED)
    send(node, kind, f"{kind}-1", f"{kind}-2")
    assert deaths(node, kind) == 0
    assert [id_ for id_ in handled(node) if id_.startswith(kind)] == [f"{kind}-1", f"{kind}-2"]

    assert tell(node, "requeue", kind) == 1
    assert deaths(node, kind) == 3
    assert begun(node)[poison] == 6  # it had all its attempts again
    assert letter(node, kind) == (poison, 3, ENDED)
    assert tell(node, "discard", kind) == 1


def tell(node: NodeProcess, what: str, kind: str) -> int:
    """How many of the listener's dead letters were requeued, or discarded."""
    with node.client() as client:
        answer = client.post(f"/api/dead-letters/{what}", json={"listener": kind})
    return int(answer.json()["count"])


def test_in_a_batch_one_event_is_to_blame_and_the_others_are_handled(node: NodeProcess) -> None:
    send(node, "batch", "before", "poison-among", "after")
    assert deaths(node, "batch") == 1 + 3  # the first end may have been any event's doing
    assert begun(node)["poison-among"] == 1 + 3
    assert letter(node, "batch") == ("poison-among", 3, ENDED)
    assert handled(node)[-1] == "after"


def test_of_what_was_in_hand_only_the_one_to_blame_dies_again(node: NodeProcess) -> None:
    innocent = [f"beside-{n}" for n in range(8)]
    send(node, "beside", "poison-beside", *innocent, subject="{}")
    assert deaths(node, "beside") == 2
    assert letter(node, "beside") == ("poison-beside", 2, ENDED)
    assert sorted(id_ for id_ in handled(node) if id_ in innocent) == innocent


def test_a_sync_listener_is_not_given_it_again(node: NodeProcess) -> None:
    send(node, "sync", "poison-sync")
    node.start()
    assert letter(node, "sync") == ("poison-sync", 1, ENDED)
    assert begun(node)["poison-sync"] == 1
    send(node, "sync", "sync-1")
    assert handled(node)[-1] == "sync-1"
