"""`event-system top` on a terminal, over a node that restarts."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import NodeProcess
from tests.support.waiting import PATIENCE_SECONDS, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "listeners.py"


class Terminal:
    """A command on a terminal of its own; `shown` is all that it wrote."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "event_system.cli", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "150", "LINES": "30"},
        )
        os.close(theirs)
        self.shown = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._ours, 65_536)
            except OSError:  # the command has ended
                return
            self.shown += part.decode("utf-8", "replace")

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def shows(self, text: str) -> None:
        """Wait until something is shown from now on."""
        at = len(self.shown)
        assert wait_until(lambda: text in self.shown[at:]), self.shown[-2000:]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        os.close(self._ours)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path, listeners=[EXAMPLE]) as running:
        yield running


@pytest.fixture
def terminal(node: NodeProcess) -> Iterator[Terminal]:
    running = Terminal("top", "--interval", "0.2", "--url", node.url)
    yield running
    running.close()


def test_top_is_sorted_and_ended_by_keys_and_outlives_the_node(
    node: NodeProcess, terminal: Terminal
) -> None:
    terminal.shows("leaderboard")
    terminal.press("n")
    terminal.shows("by name")
    port = node.port
    node.kill()
    terminal.shows("does not answer")
    node.start(port)
    terminal.shows("ok")
    terminal.press("q")

    assert terminal.process.wait(PATIENCE_SECONDS) == 0
