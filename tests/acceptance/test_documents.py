"""What the documents show, run as it stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import NodeProcess

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


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
    (looks,) = (block for block in blocks(page, "bash") if "events list" in block)
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
    declared, embedded = blocks("docs/python-api.md", "python")
    for name, text in (("declared.py", declared), ("embedded.py", embedded)):
        (tmp_path / name).write_text(text)
    loading = "import declared; from event_system.events.listener import listeners_of; "
    loading += "print(len(listeners_of(declared)))"
    count = subprocess.check_output([sys.executable, "-c", loading], cwd=tmp_path, text=True)
    assert count.strip() == "4"
    shown = subprocess.check_output([sys.executable, "embedded.py"], cwd=tmp_path, text=True)
    assert shown.strip() == "1 hello player-1"


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
