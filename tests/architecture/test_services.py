"""Tests that need a server skip on a laptop and fail in CI; the servers are found by their port."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tools.services import HOST, SERVICES, answers

NEEDS_A_SERVER = """\
import pytest
from tools.services import SERVICES, Service

SERVICES["absent"] = Service("absent", "absent", "no-such-program", {port})

@pytest.mark.service("absent")
def test_of_a_server() -> None:
    assert True
"""


@pytest.fixture
def closed_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def outcome(tmp_path: Path, port: int, **environment: str) -> str:
    """The last line of pytest over a test that needs a server at this port."""
    file = tmp_path / "test_needs_a_server.py"
    file.write_text(NEEDS_A_SERVER.format(port=port), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [
            *command,
            "-p",
            "tests.conftest",
            "--rootdir",
            str(ROOT),
            "-c",
            "pyproject.toml",
            str(file),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().splitlines()[-1]


def test_a_missing_server_skips_on_a_laptop(tmp_path: Path, closed_port: int) -> None:
    assert outcome(tmp_path, closed_port).startswith("1 skipped")


def test_a_missing_server_fails_in_ci(tmp_path: Path, closed_port: int) -> None:
    last = outcome(tmp_path, closed_port, EVENT_SYSTEM_REQUIRE_SERVICES="1")

    assert last.startswith("1 error")


def test_a_running_server_lets_the_test_run(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]

        assert answers(port)
        assert outcome(tmp_path, port).startswith("1 passed")


def test_every_server_can_be_started() -> None:
    assert [name for name, service in SERVICES.items() if service.port and not service.start] == []


@pytest.mark.service(*SERVICES)
def test_every_service_is_there() -> None:
    assert [name for name, service in SERVICES.items() if not service.ready()] == []
