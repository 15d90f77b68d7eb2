"""Finds uv, or installs it into `.tools/`, where git does not look.

On a bare machine uv comes from the package index that pip is set up for: through `venv`, where
Python has it, else through `pip --target`, else `venv` is installed first if we are root.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (0, 9)
REQUIREMENT = "uv>=0.9,<1"
_HOME = ROOT / ".tools" / "uv"
_NEEDS = """\
event-system sets itself up with uv, and uv could not be installed: this Python has neither venv
nor pip. Do one of these and run make again:
  apt-get install python3-venv      (as root)
  put `uv` on the PATH in any other way"""


class SetupError(Exception):
    """The set-up cannot go on; the message says what to do."""


def find_uv() -> str:
    """The path of a uv that is new enough; installs one if there is none.

    Raises `SetupError`.
    """
    for candidate in _candidates():
        if _version(candidate) >= OLDEST:
            return candidate
    _install()
    return str(_HOME / "bin" / "uv")


def run(*command: str, quiet: bool = False) -> str:
    """Runs a command in the repository and returns its output; `quiet` hides its progress.

    Raises `SetupError`.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or "") + done.stdout
        raise SetupError(f"{said}\nThis command failed: {' '.join(command)}".strip())
    return done.stdout


def _candidates() -> Iterator[str]:
    found = shutil.which("uv")
    if found:
        yield found
    own = _HOME / "bin" / "uv"
    if own.exists():
        yield str(own)


def _version(uv: str) -> tuple[int, ...]:
    done = subprocess.run([uv, "--version"], text=True, capture_output=True, check=False)
    match = re.match(r"uv (\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in match.groups()) if match else (0,)


def _install() -> None:
    print("Installing uv into .tools/ …", file=sys.stderr)
    shutil.rmtree(_HOME, ignore_errors=True)
    if _has("ensurepip") or _apt_venv():
        run(sys.executable, "-m", "venv", str(_HOME), quiet=True)
        run(str(_HOME / "bin" / "python"), "-m", "pip", "install", "-q", REQUIREMENT, quiet=True)
    elif _has("pip"):
        run(
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--target",
            str(_HOME),
            REQUIREMENT,
            quiet=True,
        )
    else:
        raise SetupError(_NEEDS)


def _has(module: str) -> bool:
    probe = subprocess.run(
        [sys.executable, "-c", f"import {module}"], capture_output=True, check=False
    )
    return probe.returncode == 0


def _apt_venv() -> bool:
    """Debian splits venv off; root can add it. Not needed where pip is there."""
    if _has("pip") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    package = f"python3.{sys.version_info.minor}-venv"
    print(f"Installing {package} …", file=sys.stderr)
    run("apt-get", "update", "-q", quiet=True)
    run("apt-get", "install", "-qy", "--no-install-recommends", package, quiet=True)
    return True


def _environment() -> dict[str, str]:
    """Ours, without another environment's mark, and with pip's mirror unless uv has its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    inherited["UV_PYTHON_DOWNLOADS"] = "never"
    inherited["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    mirror = None if _uv_has_index() else _pip_mirror()
    return {"UV_DEFAULT_INDEX": mirror, **inherited} if mirror else inherited


def _uv_has_index() -> bool:
    files = (Path.home() / ".config/uv/uv.toml", Path("/etc/uv/uv.toml"))
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
    return any(map(os.environ.get, names)) or any(file.exists() for file in files)


@cache
def _pip_mirror() -> str | None:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], text=True, capture_output=True, check=False
    )
    match = re.search(r"\.index-url=('.*')$", listed.stdout, re.MULTILINE)
    return str(ast.literal_eval(match[1])) if match else None
