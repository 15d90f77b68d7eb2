"""`event-system metrics`: a service in the background, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from event_system.kernel.errors import ServiceError
from event_system.node.background import PidFile, running, start, stop
from tests.support.waiting import PATIENCE_SECONDS, wait_until

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "metrics.py"
LIMIT = 60.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "event_system.cli", "metrics", *arguments]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def pid_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "logs" / "metrics.pid"
    yield path
    stop(path, LIMIT)


def serving(pid_file: Path, *more: str, addr: str = "127.0.0.1:0") -> list[str]:
    given = ("--addr", addr, "--interval", "100ms", "--pid-file", str(pid_file))
    return command("serve", *given, *more)


def test_it_starts_serves_and_stops_by_commands(tmp_path: Path, pid_file: Path) -> None:
    started = run(tmp_path, "start", "--addr", "127.0.0.1:0", "--listeners", str(EXAMPLE))
    assert started.returncode == 0, started.stderr
    told = json.loads(run(tmp_path, "status", "--json").stdout)
    assert told["running"]

    def collected() -> bool:
        text = httpx.get(told["address"], timeout=PATIENCE_SECONDS).text
        return "system_memory_alloc_bytes " in text and 'my_custom_metric{label="' in text

    assert wait_until(collected)
    again = run(tmp_path, "start")
    assert (again.returncode, "service.state" in again.stderr) == (1, True)

    ended = run(tmp_path, "stop")

    assert (ended.returncode, str(told["pid"]) in ended.stdout) == (0, True)
    after = run(tmp_path, "status")
    assert (after.returncode, after.stdout) == (1, "nothing runs\n")


def test_a_file_that_a_killed_service_left_stands_for_nothing(
    tmp_path: Path, pid_file: Path
) -> None:
    first = start(serving(pid_file), pid_file, tmp_path / "log", LIMIT)
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until(lambda: running(pid_file) is None)
    assert str(first.pid) in pid_file.read_text()

    assert stop(pid_file, LIMIT) is None
    second = start(serving(pid_file), pid_file, tmp_path / "log", LIMIT)

    assert second.pid != first.pid
    assert running(pid_file) == second


def test_a_file_that_names_a_stranger_ends_nobody(pid_file: Path) -> None:
    pid_file.parent.mkdir()
    pid_file.write_text(json.dumps({"pid": os.getpid(), "address": "http://somewhere"}))

    assert running(pid_file) is None
    assert stop(pid_file, LIMIT) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": 1}', "x" * 10_000, "\x00"])
def test_whatever_the_file_says_the_lock_counts(pid_file: Path, content: str) -> None:
    pid_file.parent.mkdir()
    pid_file.write_text(content)
    locking = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX)"
    waiting = f"{locking}; print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", waiting, str(pid_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        found = running(pid_file)
        with pytest.raises(ServiceError, match="runs already"):
            PidFile(pid_file)
        holder.communicate()

    assert found is not None
    assert (found.pid, found.address) == (holder.pid, "")
    assert running(pid_file) is None


def test_a_port_that_is_taken_is_told_by_start(tmp_path: Path, pid_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addr = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(ServiceError, match=r"server\.address"):
            start(serving(pid_file, addr=addr), pid_file, tmp_path / "log", LIMIT)

    assert running(pid_file) is None


def test_what_never_listens_is_ended(tmp_path: Path, pid_file: Path) -> None:
    idle = [sys.executable, "-c", "import sys, time; time.sleep(600)"]

    with pytest.raises(ServiceError, match="does not listen after"):
        start(idle, pid_file, tmp_path / "log", 0.2)


@pytest.mark.parametrize("addr", ["9100", ":99999"])
def test_a_wrong_address_is_told_at_once(tmp_path: Path, addr: str) -> None:
    done = run(tmp_path, "start", "--addr", addr)

    assert (done.returncode, "is no address" in done.stderr) == (1, True)
    assert not (tmp_path / "logs").exists()
