"""Starting, reloading under load, stopping; one directory, one node."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from event_system.security.keys import hash_key
from tests.support.process import NodeProcess
from tests.support.waiting import PATIENCE_SECONDS, wait_until

GOOD = "event: {{async_workers: {n}, async_channel_size: {m}}}\n"
BAD = ["event: {async_workers: none}", "event: [", "nonsense: 1", "\t", "event: {lanes: 0}"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "event_system.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def test_a_hundred_reloads_under_load_fail_no_request(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, GOOD.format(n=1, m=10)) as node:
        ended, answers = threading.Event(), []

        def load() -> None:
            with node.client() as client:
                while not ended.is_set():
                    answers.append(
                        client.post("/api/events/trigger", json={"type": "a.b"}).status_code
                    )

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        for round_ in range(100):
            text = random.choice(BAD) if round_ % 2 else GOOD.format(n=round_ + 2, m=round_ + 5)
            node.config.write_text(text)
            before = _reloads(node)
            node.signal(signal.SIGHUP)
            wait_until(lambda before=before: _reloads(node) > before)  # type: ignore[misc]
        ended.set()
        for thread in threads:
            thread.join()
        assert set(answers) == {200}
        assert node.stop() == 0
    refused = [m for m in node.messages() if "refused" in m["message"]]
    assert len(refused) >= 50
    assert any("event.async_workers" in m["message"] for m in refused)


def _reloads(node: NodeProcess) -> int:
    return sum("reloaded" in line or "refused" in line for line in list(node.log))


def test_a_listener_can_be_switched_off_and_on_and_misses_nothing(tmp_path: Path) -> None:
    listeners = [Path(__file__).parent / "listeners" / "recording.py"]
    switch = "listeners: {{overrides: {{recorder: {{enabled: {}}}}}}}\n"
    handled = tmp_path / "handled.log"

    def recorded() -> list[str]:
        lines = handled.read_text().splitlines()
        return [line.split()[1] for line in lines if not line.startswith("thread-")]

    with NodeProcess(tmp_path, switch.format("false"), listeners) as node, node.client() as client:
        sent = []
        for state in ("true", "false", "true"):
            batch = [{"type": "player.login", "subject": f"s{n % 9}"} for n in range(50)]
            answer = client.post("/api/events/batch", json=batch).json()
            sent += [event["id"] for event in answer["events"]]
            node.config.write_text(switch.format(state))
            before = _reloads(node)
            node.signal(signal.SIGHUP)
            wait_until(lambda before=before: _reloads(node) > before)  # type: ignore[misc]
            if state == "true":
                expected = len(sent)
                wait_until(lambda n=expected: len(recorded()) == n)  # type: ignore[misc]
    assert sorted(recorded()) == sorted(sent)


def test_a_changed_file_is_noticed_and_what_needs_a_restart_is_named(tmp_path: Path) -> None:
    with NodeProcess(tmp_path, "logging: {level: info}\n") as node:
        node.config.write_text("logging: {level: debug}\nevent: {lanes: 3}\n")
        wait_until(lambda: any("event.lanes" in line and "restart" in line for line in node.log))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_node_cleanly_in_spite_of_open_streams(
    tmp_path: Path, number: int
) -> None:
    with (
        NodeProcess(tmp_path) as node,
        node.client() as client,
        client.stream("GET", "/api/events/stream") as stream,
    ):
        assert stream.status_code == 200
        assert node.stop(number) == 0


def test_accepted_events_are_finished_before_the_end(tmp_path: Path) -> None:
    listeners = [Path(__file__).parent / "listeners" / "recording.py"]
    with NodeProcess(tmp_path, listeners=listeners) as node:
        with node.client() as client:
            batch = [{"type": "player.login", "subject": f"s{n % 9}"} for n in range(500)]
            assert client.post("/api/events/batch", json=batch).status_code == 200
        assert node.stop() == 0
    assert len((tmp_path / "handled.log").read_text().splitlines()) == 1000


def test_a_second_node_on_the_same_directory_is_refused_with_the_owner(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        assert node.process is not None
        second = run("serve", "--data-dir", str(node.data), "--port", "0", "--metrics-port", "0")
        assert second.returncode == 1
        assert str(node.process.pid) in second.stderr
        assert "Traceback" not in second.stderr


def test_a_port_in_use_is_told_plainly(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        other = run(
            *("serve", "--data-dir", str(tmp_path / "other"), "--port", str(node.port)),
            *("--metrics-port", "0"),
        )
    assert other.returncode == 1
    assert "server.address" in other.stderr
    assert "Traceback" not in other.stderr


def test_listening_beyond_loopback_without_a_key_is_refused(tmp_path: Path) -> None:
    result = run("serve", "--data-dir", str(tmp_path / "d"), "--host", "0.0.0.0", "--port", "0")
    assert result.returncode == 1
    assert "server.exposed" in result.stderr


def test_a_key_is_asked_for_everywhere_but_on_the_health_routes(tmp_path: Path) -> None:
    config = f"security: {{api_keys: [{{name: game-1, hash: '{hash_key('esk_right')}'}}]}}"
    with NodeProcess(tmp_path, config) as node, node.client() as client:
        event = {"type": "player.login"}
        assert client.post("/api/events/trigger", json=event).status_code == 401
        assert client.get("/api/events").status_code == 401
        assert client.get("/health").status_code == 200
        for headers in ({"Authorization": "Bearer esk_right"}, {"X-API-Key": "esk_right"}):
            answer = client.post("/api/events/trigger", json=event, headers=headers)
            stored = client.get(f"/api/events/{answer.json()['id']}", headers=headers).json()
            assert stored["event"]["source"] == "game-1"
        wrong = client.get("/api/events", headers={"X-API-Key": "esk_wrong"})
        assert wrong.json()["code"] == "auth.required"


def test_a_key_that_is_taken_away_opens_nothing_any_more(tmp_path: Path) -> None:
    entry = "security: {{api_keys: [{{name: game-1, hash: '{}'}}]}}"
    with NodeProcess(tmp_path, entry.format(hash_key("esk_old"))) as node, node.client() as client:

        def status(key: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            return client.post(
                "/api/events/trigger", json={"type": "a"}, headers=headers
            ).status_code

        assert [status("esk_old"), status("esk_old"), status("esk_new")] == [200, 200, 401]
        node.config.write_text(entry.format(hash_key("esk_new")))
        node.signal(signal.SIGHUP)
        wait_until(lambda: status("esk_new") == 200)
        assert status("esk_old") == 401


def test_a_full_disk_is_a_503_and_the_node_recovers(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "data"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        with NodeProcess(tmp_path) as node, node.client() as client:
            filler = disk / "filler"
            filler.write_bytes(b"x" * 5_000_000)
            answers = [_big(client) for _ in range(40)]
            assert 503 in answers
            assert client.get("/health").json()["components"]["database"] == "down"
            filler.unlink()
            wait_until(lambda: _big(client) == 200)
            assert client.get("/health").json()["status"] == "ok"
            assert node.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def _big(client: httpx.Client) -> int:
    return client.post("/api/events/trigger", json={"type": "a", "data": "x" * 50_000}).status_code
