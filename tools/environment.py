"""Builds `.venv` from `uv.lock`: `python3 -m tools.environment GROUP`.

A group is `run` (what the product needs), `dev` (and the checks) or `bench` (and the peers that
the benchmarks measure). An environment only grows: a group once asked for stays. Each group that
is there has a stamp file in `.venv/.groups/`; make compares the stamps with the lock.
"""

from __future__ import annotations

import subprocess
import sys

from tools.uv import ROOT, SetupError, find_uv, run

GROUPS = {"run": (), "dev": ("dev",), "bench": ("dev", "bench")}
VENV = ROOT / ".venv"
STAMPS = VENV / ".groups"
PYTHON = VENV / "bin" / "python"


def build(asked: str) -> None:
    """Makes `.venv` hold exactly what the lock says for the asked and the present groups.

    Raises `SetupError`.
    """
    uv = find_uv()
    groups = {asked} | {stamp.name for stamp in STAMPS.glob("*") if stamp.name in GROUPS}
    _create(uv)
    for stamp in STAMPS.glob("*"):
        stamp.unlink()
    _install(uv, groups)
    STAMPS.mkdir(exist_ok=True)
    for group in groups:
        (STAMPS / group).touch()


def _create(uv: str) -> None:
    """A new environment, unless a working one of this Python version is there."""
    if _version(str(PYTHON)) != _version(sys.executable):
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV))


def _version(python: str) -> str | None:
    try:
        return subprocess.run(
            [python, "-c", "import sys; print(sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def _install(uv: str, groups: set[str]) -> None:
    """The locked packages by hash, then the product itself, editable.

    The build backend is one of the locked packages, so that nothing unlocked is ever fetched.
    """
    requirements = ROOT / ".build" / "requirements.txt"
    requirements.parent.mkdir(exist_ok=True)
    requirements.write_text(export(uv, groups), encoding="utf-8")
    target = ("--quiet", "--python", str(PYTHON))
    run(uv, "pip", "sync", *target, "--require-hashes", str(requirements))
    run(uv, "pip", "install", *target, "--no-deps", "--no-build-isolation", "--editable", ".")


def export(uv: str, groups: set[str]) -> str:
    """The lock as requirements with hashes; whence they come is left to uv's configuration."""
    names = sorted({"build"}.union(*(GROUPS[group] for group in groups)))
    chosen = [word for name in names for word in ("--group", name)]
    return run(
        uv, "export", "--quiet", "--frozen", "--no-default-groups", *chosen, "--no-emit-project"
    )


def main(arguments: list[str]) -> int:
    """Exit code 0 when the environment is ready, 1 with a message when it cannot be made."""
    if len(arguments) != 1 or arguments[0] not in GROUPS:
        print(f"usage: python3 -m tools.environment {{{','.join(GROUPS)}}}", file=sys.stderr)
        return 2
    print(f"Setting up .venv ({arguments[0]}) …", file=sys.stderr)
    try:
        build(arguments[0])
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
