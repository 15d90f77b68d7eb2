"""Listeners in worker processes: their promises are those of any other, whatever becomes of these."""

from __future__ import annotations

import os
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.process import NodeProcess
from tests.support.sql import fresh_database
from tests.support.waiting import wait_until

HERE = Path(__file__).parent / "listeners"
TWO = "event: {worker_processes: 2}\nserver: {shutdown_grace: 5s}\n"
ONE = "event: {worker_processes: 1}\n"
TRACE_ID = "ab" * 16


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("heavy"), TWO, [HERE / "heavy.py"]) as running:
        yield running


def send(
    node: NodeProcess, kind: str, *ids: str, data: Any = None, subject: str | None = None
) -> None:
    """Events of a subject each, or all of this one, in one commit."""
    batch = [
        {"type": f"heavy.{kind}", "subject": subject or f"s-{i}", "id": i, "data": data}
        for i in ids
    ]
    with node.client() as client:
        assert client.post("/api/events/batch", json=batch).status_code == 200


def noted(node: NodeProcess, *whats: str) -> list[tuple[str, str, int]]:
    """Subject, id and process of each line of this kind."""
    lines = [line.split() for line in (node.directory / "heavy.log").read_text().splitlines()]
    return [
        (subject, id_, int(pid))
        for what, subject, id_, pid in lines
        if what.partition("-")[0] in whats
    ]


def letter(node: NodeProcess, listener: str, id_: str) -> dict[str, Any]:
    """The dead letter of an event, once there is one."""

    def find() -> dict[str, Any] | None:
        with node.client() as client:
            page = client.get("/api/dead-letters", params={"listener": listener}).json()
            for found in page["dead_letters"]:
                detail = client.get(f"/api/dead-letters/{listener}/{found['offset']}").json()
                if detail["event"]["id"] == id_:
                    return dict(detail["dead_letter"])
        return None

    return dict(wait_until(find))


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_handlers_run_elsewhere_and_a_subject_keeps_its_order_and_its_process(
    node: NodeProcess,
) -> None:
    ids = [f"note-{n}" for n in range(200)]
    batch = [{"type": "heavy.note", "subject": f"s{n % 9}", "id": i} for n, i in enumerate(ids)]
    with node.client() as client:
        assert client.post("/api/events/batch", json=batch).status_code == 200
    wait_until(lambda: len(noted(node, "threaded", "awaited", "home")) == 600)

    assert node.process is not None
    assert {pid for _, _, pid in noted(node, "home")} == {node.process.pid}
    for what in ("threaded", "awaited"):
        by_subject = defaultdict(list)
        for subject, id_, pid in noted(node, what):
            by_subject[subject].append((id_, pid))
        assert {s: [i for i, _ in seen] for s, seen in by_subject.items()} == {
            f"s{n}": ids[n::9] for n in range(9)
        }
        assert [len({pid for _, pid in seen}) for seen in by_subject.values()] == [1] * 9
        pids = {pid for _, _, pid in noted(node, what)}
        assert len(pids) == 2
        assert node.process.pid not in pids


def test_what_a_handler_raises_is_told_with_its_traceback(node: NodeProcess) -> None:
    send(node, "raise", "raise-1", data={"a": 1})

    found = letter(node, "raises", "raise-1")

    assert (found["error"], found["attempts"]) == ("""KeyError: "none of {'a': 1}\"""", 1)
    assert 'raise KeyError(f"none of {event.data}")' in found["traceback"]
    assert "heavy.py" in found["traceback"]


def test_an_event_that_ends_its_process_is_dead_and_takes_others_along_once(
    node: NodeProcess,
) -> None:
    """What was in hand with it is tried again alone: that costs no other more than an attempt."""
    told = {"exit": "ended with exit code 3", "signal": "SIGSEGV"}
    ids = [*told, *(f"good-{n}" for n in range(9))]
    batch = [
        {"type": "heavy.die", "subject": f"s-{i}", "id": i} | ({"data": i} if i in told else {})
        for i in ids
    ]
    with node.client() as client:
        assert client.post("/api/events/batch", json=batch).status_code == 200

    for by, how in told.items():
        found = letter(node, "dies", by)
        assert found["attempts"] == 3
        assert found["error"].startswith("WorkerEndedError: the worker process")
        assert how in found["error"]
        assert "worker.ended" in found["error"]
    wait_until(lambda: len(noted(node, "survived")) == 9)
    begun = Counter(i for _, i, _ in noted(node, "begun"))
    assert [begun.pop(by) for by in told] == [3, 3]
    assert max(begun.values()) <= 2
    with node.client() as client:
        status = client.get("/api/listeners/dies").json()
    assert (status["lag"], status["retrying"], status["dead"]) == (0, 0, 2)


def test_after_the_first_end_of_its_process_an_event_is_handled_at_once_and_in_order(
    node: NodeProcess,
) -> None:
    ids = [f"once-{n}" for n in range(5)]
    batch = [{"type": "heavy.once", "subject": "s", "id": i} for i in ids]
    with node.client() as client:
        assert client.post("/api/events/batch", json=batch).status_code == 200

    wait_until(lambda: [i for _, i, _ in noted(node, "once")] == ids)


def test_nothing_is_lost_and_order_holds_while_processes_are_killed(node: NodeProcess) -> None:
    ids = [f"drill-{n}" for n in range(1500)]
    batch = [{"type": "heavy.drill", "subject": f"s{n % 9}", "id": i} for n, i in enumerate(ids)]
    with node.client() as client:
        assert client.post("/api/events/batch", json=batch).status_code == 200
    for kill in range(5):
        goal = min(len(noted(node, "ordered")) + 100, len(ids))
        wait_until(lambda goal=goal: len(noted(node, "ordered")) >= goal)  # type: ignore[misc]
        os.kill(noted(node, "ordered")[-1 - kill % 2][2], signal.SIGKILL)
    with node.client() as client:
        wait_until(lambda: client.get("/api/listeners/ordered").json()["lag"] == 0)
        status = client.get("/api/listeners/ordered").json()
    assert (status["retrying"], status["dead"]) == (0, 0)
    first = dict.fromkeys((subject, i) for subject, i, _ in noted(node, "ordered"))
    for n in range(9):
        assert [i for subject, i in first if subject == f"s{n}"] == ids[n::9]


def test_a_coroutine_over_its_timeout_is_cancelled_and_its_process_stays(
    node: NodeProcess,
) -> None:
    before = node.metrics()["worker_process_restarts_total"]
    send(node, "wait", "wait-1")

    assert letter(node, "waits", "wait-1")["error"].startswith("TimeoutError")
    wait_until(lambda: [i for _, i, _ in noted(node, "cancelled")] == ["wait-1"])
    assert node.metrics()["worker_process_restarts_total"] == before


def test_a_thread_over_its_timeout_ends_with_its_process_and_another_takes_over(
    node: NodeProcess,
) -> None:
    """What is to be called there meanwhile waits, which takes none of its time."""
    wait_until(lambda: node.metrics()["worker_processes_running"] == 2)
    (node.directory / "slow").touch()
    send(node, "hang", "hang-1")
    assert letter(node, "hangs", "hang-1")["error"].startswith("TimeoutError")
    ((_, _, pid),) = noted(node, "hangs")
    wait_until(lambda: not is_alive(pid))
    send(node, "quick", *(f"quick-{n}" for n in range(20)))
    living, _, _ = wait_until(lambda: noted(node, "quick"))[0]
    send(node, "outlast", "outlast-1", subject=living)
    assert letter(node, "outlasts", "outlast-1")["error"].startswith("TimeoutError")
    assert 0 < len(noted(node, "quick")) < 20  # some of them by the other process
    (node.directory / "slow").unlink()
    wait_until(lambda: len(noted(node, "quick")) == 20)

    with node.client() as client:
        assert client.get("/api/listeners/quick").json()["errors"] == 0
    assert any("a call of hangs did not come back" in m["message"] for m in node.messages())
    assert node.metrics()["worker_processes_running"] == 2


def test_a_line_that_a_handler_logs_is_in_the_nodes_log_at_its_level_of_now(
    node: NodeProcess,
) -> None:
    traced = {"traceparent": f"00-{TRACE_ID}-{'cd' * 8}-01"}

    def log(id_: str) -> None:
        with node.client(headers=traced) as client:
            event = {"type": "heavy.log", "id": id_, "subject": "logs"}
            assert client.post("/api/events/trigger", json=event).status_code == 200

    def lines() -> dict[str, dict[str, Any]]:
        return {m["message"]: m for m in node.messages() if m["message"].startswith("so ")}

    log("log-1")
    found = wait_until(lambda: lines().get("so warm"))
    assert (found["level"], found["traceId"]) == ("WARN", TRACE_ID)
    assert found["context"]["id"] == "log-1"
    assert found["context"]["worker"] in children(node)
    assert "so cold" not in lines()
    node.config.write_text(TWO + "logging: {level: debug}\n")
    node.signal(signal.SIGHUP)
    wait_until(lambda: any("reloaded" in m["message"] for m in node.messages()))
    log("log-2")
    wait_until(lambda: "so cold" in lines())


def test_the_health_names_workers_and_nothing_is_left_in_flight(node: NodeProcess) -> None:
    wait_until(lambda: node.metrics()["worker_process_calls"] == 0)
    with node.client() as client:
        assert "workers" in client.get("/health").json()["components"]


def test_the_node_answers_while_a_process_computes_and_killed_leaves_no_orphan(
    tmp_path: Path,
) -> None:
    with NodeProcess(tmp_path, TWO, [HERE / "heavy.py"]) as node:
        send(node, "hold", "hold-1")
        wait_until(lambda: noted(node, "holds"))
        send(node, "note", "note-1")
        wait_until(lambda: noted(node, "home"))
        assert node.metrics()["worker_process_calls"] >= 1
        pids = children(node)
        assert len(pids) == 2
        node.kill()
        wait_until(lambda: not any(map(is_alive, pids)))
        node.start()
        wait_until(lambda: [i for _, i, _ in noted(node, "let")] == ["hold-1"])


def children(node: NodeProcess) -> list[int]:
    assert node.process is not None
    return [child.pid for child in psutil.Process(node.process.pid).children()]


def test_a_signal_to_the_whole_group_lets_handlers_finish(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, TWO, [HERE / "heavy.py"]) as node:
        wait_until(lambda: node.metrics()["worker_processes_running"] == 2)
        send(node, "nap", "nap-1")
        wait_until(lambda: noted(node, "naps"))
        pids = children(node)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for pid in pids:
                os.kill(pid, number)
        assert node.stop() == 0
        assert [i for _, i, _ in noted(node, "slept")] == ["nap-1"]
        assert not any(map(is_alive, pids))
    assert not [m for m in node.messages() if "worker" in m["message"]]


@pytest.mark.service("postgresql")
def test_a_node_that_delivers_nothing_starts_no_process(tmp_path: Path) -> None:
    with fresh_database("postgresql", "heavy") as dsn:
        settings = f"database: {{enabled: true, dsn: '{dsn.url}'}}\nnode: {{roles: [api]}}\n{ONE}"
        with NodeProcess(tmp_path, settings, [HERE / "heavy.py"]) as node, node.client() as client:
            assert "workers" not in client.get("/health").json()["components"]
            assert children(node) == []


def test_events_wait_while_a_module_cannot_be_loaded(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, ONE, [HERE / "fragile.py"]) as node, node.client() as client:

        def workers() -> str:
            return str(client.get("/health").json()["components"]["workers"])

        wait_until(lambda: node.metrics()["worker_processes_running"] == 1)
        (tmp_path / "broken").touch()
        for pid in children(node):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: workers() == "degraded")
        client.post("/api/events/trigger", json={"type": "heavy.fragile", "id": "x"})
        status = client.get("/api/listeners/fragile").json()
        assert (status["lag"], status["retrying"], status["dead"]) == (1, 0, 0)
        told = [m for m in node.messages() if m["message"].startswith("a worker process cannot")]
        assert told[0]["context"]["code"] == "worker.start"
        assert "RuntimeError: not today" in told[0]["message"]

        (tmp_path / "broken").unlink()
        wait_until((tmp_path / "handled").exists)
        assert workers() == "ok"
