"""What is built: a wheel with everything in it and the time of its building."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from event_system.version import VERSION
from tests.architecture.tree import ROOT, files
from tools.alerts.pages import RULES
from tools.rum import BUILT as SCRIPT

BUILT_AT = 1_795_262_400  # 2026-11-21 12:00:00 UTC


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy of the tree; hatchling writes into the tree that it builds.

    The script for browsers comes along where make has bundled it, so that it is not made again.
    """
    copy = tmp_path_factory.mktemp("tree")
    for path in [*files(), *([SCRIPT] if SCRIPT.exists() else [])]:
        (copy / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy / path.relative_to(ROOT))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist"],
        cwd=copy,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(BUILT_AT)},
        check=True,
        capture_output=True,
    )
    return next(copy.glob("dist/*.whl"))


def test_the_wheel_knows_when_it_was_built(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        written = archive.read("event_system/_build.py").decode()

    assert 'BUILD_TIME = "2026-11-21 12:00:00"' in written


def test_the_wheel_holds_the_whole_package_and_the_licence(wheel: Path) -> None:
    package = ROOT / "src"
    kept = {str(path.relative_to(package)) for path in files() if path.is_relative_to(package)}

    with ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert kept - names == set()
    assert "event_system/py.typed" in names
    assert f"event_system-{VERSION}.dist-info/licenses/LICENSE" in names


def test_the_wheel_holds_the_alerting_rules_that_are_shipped(wheel: Path) -> None:
    made = {path.name: path.read_bytes() for path in (ROOT / RULES).glob("*.yml")}

    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "/rules/shipped/" in name]
        found = {name.rpartition("/")[2]: archive.read(name) for name in names}

    assert found == made
    assert made


@pytest.mark.service("node")
def test_the_wheel_holds_the_script_for_browsers(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        written = archive.read("event_system/rum/built/rum.js").decode()

    assert "eventSystemRum" in written
    assert "web-vitals" in written.partition("\n(")[0]


def test_the_command_is_installed_with_the_wheel(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        scripts = archive.read(f"event_system-{VERSION}.dist-info/entry_points.txt").decode()

    assert "event-system = event_system.cli.main:main" in scripts
