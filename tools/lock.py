"""Writes `uv.lock`: `python3 -m tools.lock [options of uv lock]`, e.g. `--upgrade-package rich`.

The lock that is kept names no addresses, only files and their hashes: whoever installs from it
uses the package index of their own configuration. uv reads that form as it is; when it writes the
lock, it puts addresses in, so it writes into a scratch project and the addresses are taken out.
"""

from __future__ import annotations

import re
import shutil
import sys

from tools.uv import ROOT, SetupError, find_uv, run

FILES = ("pyproject.toml", "uv.lock")


def without_addresses(lock: str) -> str:
    """The lock with every registry named `registry` and every file by its name alone."""
    named = re.sub(r'registry = "[^"]*"', 'registry = "registry"', lock)
    return re.sub(r'(?:url|path) = "[^"]*/([^/"]+)"', r'path = "\1"', named)


def update(options: list[str]) -> None:
    """Locks what `pyproject.toml` asks for; what is locked already stays unless told otherwise.

    Raises `SetupError`, and leaves `uv.lock` as it was.
    """
    scratch = ROOT / ".build" / "lock"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name in FILES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, scratch)
    run(find_uv(), "lock", "--project", str(scratch), *options)
    locked = (scratch / "uv.lock").read_text(encoding="utf-8")
    (ROOT / "uv.lock").write_text(without_addresses(locked), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Exit code 0 when the lock is written, 1 when uv could not resolve."""
    try:
        update(arguments)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
