"""What the documents show, run as it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from event_system.cli.main import app
from tests.support.process import NodeProcess
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

DEAD = """
import asyncio

from event_system import EventSystem, listener
from dead import dead


@listener("player.*", mode="sync", name="strict")
def strict(event):
    assert event.id == "up-1"


async def main():
    async with EventSystem("dead-data", listeners=[strict]) as es:
        for id_ in ("up-1", "up-2"):
            await es.trigger("player.level_up", id=id_)
        print(await dead(es, "strict"))


asyncio.run(main())
"""

AGAIN = """
import asyncio

from again import show_yesterday_again
from event_system import Event, EventSystem, listener


@listener("player.>", name="leaderboard")
async def leaderboard(event: Event) -> None:
    pass


async def main():
    async with EventSystem("again-data", listeners=[leaderboard]) as es:
        await show_yesterday_again(es)


asyncio.run(main())
"""
TAXES = """
import asyncio

from event_system import EventSystem
from taxes import collect_taxes


async def main():
    async with EventSystem("taxes-data") as es:
        await collect_taxes(es)
        print([each.name for each in es.schedules.all()])


asyncio.run(main())
"""


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for name, body in BLOCK.findall(text) if name == language]


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", "docs/quickstart.md"])
def test_every_curl_of_a_page_is_answered(tmp_path: Path, page: str) -> None:
    shown = [block for block in blocks(page, "bash") if block.startswith("curl")]
    assert shown
    with NodeProcess(tmp_path, listeners=[ROOT / "examples" / "listeners.py"]) as node:
        for block in shown:
            command = block.replace("http://127.0.0.1:8080", node.url)
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
            assert json.loads(done.stdout)["offset"] > 0


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_first_event_of_the_readme_is_handled_and_seen(tmp_path: Path, page: str) -> None:
    (curl,) = (block for block in blocks(page, "bash") if block.startswith("curl"))
    (looks,) = (block for block in blocks(page, "bash") if "events list\n" in block)
    with NodeProcess(tmp_path, listeners=[ROOT / "examples" / "listeners.py"]) as node:
        command = curl.replace("http://127.0.0.1:8080", node.url)
        sent = json.loads(subprocess.check_output(command, shell=True, text=True))
        assert sent["results"]
        for line in looks.splitlines():
            arguments = line.split()[1:]
            done = subprocess.run(
                [sys.executable, "-m", "event_system.cli", *arguments, "--url", node.url],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "COLUMNS": "200"},
            )
            assert "player.level_up" in done.stdout


def test_the_python_of_the_api_page_runs(tmp_path: Path) -> None:
    names = (*("declared.py", "heavy.py", "embedded.py"), *("dead.py", "again.py", "taxes.py"))
    for name, text in zip(names, blocks("docs/python-api.md", "python"), strict=True):
        (tmp_path / name).write_text(text)
    loading = "import declared, heavy; from event_system.events.listener import listeners_of; "
    loading += "print(*[len(listeners_of(module)) for module in (declared, heavy)])"
    count = subprocess.check_output([sys.executable, "-c", loading], cwd=tmp_path, text=True)
    assert count.strip() == "4 1"
    shown = subprocess.check_output([sys.executable, "embedded.py"], cwd=tmp_path, text=True)
    assert shown.strip() == "1 hello player-1"
    dead = subprocess.check_output([sys.executable, "-c", DEAD], cwd=tmp_path, text=True)
    assert dead.strip() == "['up-2']"
    again = subprocess.check_output([sys.executable, "-c", AGAIN], cwd=tmp_path, text=True)
    assert again.strip() == "1.0"
    taxes = subprocess.check_output([sys.executable, "-c", TAXES], cwd=tmp_path, text=True)
    assert taxes.strip() == "['guild-tax']"


def test_the_example_of_the_testing_page_passes(tmp_path: Path) -> None:
    for name, text in zip(
        ("guild.py", "test_guild.py", "test_fixture.py"),
        blocks("docs/testing.md", "python"),
        strict=True,
    ):
        (tmp_path / name).write_text(text)
    command = [*(sys.executable, "-m", "pytest"), *("-q", "-o", "asyncio_mode=auto")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def run_all(node: NodeProcess, blocks: Iterable[str]) -> None:
    """Run each command as it stands, in this process; what asks is told yes."""
    for line in "".join(blocks).splitlines():
        name, *arguments = shlex.split(line)
        assert name.endswith("event-system")
        done = CliRunner().invoke(app, arguments, input="y\n", env={"EVENT_SYSTEM_URL": node.url})
        assert done.exit_code == 0, (line, done.output, done.exception)


@pytest.fixture
def node_with_a_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NodeProcess]:
    """Its first event is one that `greet` cannot handle; commands run where its data is."""
    monkeypatch.chdir(tmp_path)
    with NodeProcess(tmp_path, listeners=[ROOT / "examples" / "listeners.py"]) as node:
        with node.client() as client:
            event = {"type": "player.level_up", "data": {}}
            assert client.post("/api/events/trigger", json=event).json()["offset"] == 1
            wait_until(lambda: client.get("/api/dead-letters/greet/1").status_code == 200)
        yield node


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_what_the_readme_shows_of_failure_time_and_limits_is_done(
    node_with_a_dead_letter: NodeProcess, page: str
) -> None:
    shown = [block for block in blocks(page, "bash") if "dead-letters" in block]
    assert len(shown) == 1
    run_all(node_with_a_dead_letter, shown)


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/zh/operations.md"])
def test_what_the_operations_page_shows_is_done(
    node_with_a_dead_letter: NodeProcess, page: str
) -> None:
    *live, compact, verify = blocks(page, "sh")
    run_all(node_with_a_dead_letter, live)
    assert node_with_a_dead_letter.stop() == 0
    run_all(node_with_a_dead_letter, [compact, verify])


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/zh/operations.md"])
def test_the_configuration_of_the_operations_page_is_valid(tmp_path: Path, page: str) -> None:
    shown = blocks(page, "yaml")
    assert len(shown) == 2
    for text in shown:
        (tmp_path / "config.yaml").write_text(text)
        arguments = ["config", "check", "--config", str(tmp_path / "config.yaml")]
        done = CliRunner().invoke(app, arguments)
        assert (done.exit_code, done.output.strip()) == (0, "ok")


def test_the_shipped_configuration_is_valid(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "event_system.cli", "config", "check"),
            *("--config", str(ROOT / "configs" / "config.yaml")),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "ok")


def test_the_python_of_the_client_page_does_what_it_says(tmp_path: Path) -> None:
    program = blocks("docs/client.md", "python")[0]
    (shown,) = blocks("docs/client.md", "text")
    with NodeProcess(tmp_path) as node:
        out = subprocess.check_output([sys.executable, "-c", program, node.url], text=True)
    assert out == shown
