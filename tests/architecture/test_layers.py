"""The import rules of pyproject.toml hold."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.tree import ROOT


def test_imports_point_down_and_rooms_of_one_floor_do_not_know_each_other() -> None:
    command = "from importlinter.cli import lint_imports_command as check; check()"

    done = subprocess.run(
        [sys.executable, "-c", command, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 1 kept, 0 broken." in done.stdout
