"""Bundles the script for browsers, rum/, into the package: `python -m tools.rum`.

npm installs what rum/package-lock.json names, by hash and without running anything of it, and
esbuild writes one file. It is built anew only when something of rum/ has changed. Without Node
the product works, and answers for `/rum.js` that it was built without the script.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "rum"
BUILT = ROOT / "src" / "event_system" / "rum" / "built" / "rum.js"
INPUTS = ("package.json", "package-lock.json", "src/rum.js", "src/view.js", "src/visit.js")
OLDEST_NODE = 18
NPM_SECONDS = 300
_PATIENCE = ("--fetch-retries=1", "--fetch-timeout=30000")
"""A registry that hangs holds nobody up for minutes."""
_MARK = "// Built from "
_ABSENT = f"""\
The script /rum.js is not built: that takes Node {OLDEST_NODE} or newer with npm.
  apt-get install nodejs npm      (as root), then run make again"""


class ScriptError(Exception):
    """The script cannot be built; the message says why."""


def fingerprint() -> str:
    """A hash of all that the script is made from."""
    digest = hashlib.sha256()
    for path in (Path(__file__), *(SOURCES / name for name in INPUTS)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_fresh() -> bool:
    """Whether the built script is that of the sources as they are now."""
    if not BUILT.exists():
        return False
    return BUILT.read_text(encoding="utf-8").startswith(f"{_MARK}{fingerprint()}\n")


def has_node() -> bool:
    """Whether there is a Node that is new enough, and npm."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", said)
    return version is not None and int(version[1]) >= OLDEST_NODE


def build() -> None:
    """Bundle the script, and put it where the package looks for it. Raises `ScriptError`."""
    _npm("ci", "--prefer-offline")
    command = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))["scripts"]["build"]
    bundler = SOURCES / "node_modules" / ".bin" / "esbuild"
    bundled = _run([str(bundler), *command.split()[1:]])
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    scratch = BUILT.with_suffix(f".{os.getpid()}")
    scratch.write_text(f"{_MARK}{fingerprint()}\n{_notice()}\n{bundled}", encoding="utf-8")
    scratch.replace(BUILT)


def _notice() -> str:
    """What is in the bundle and is not ours, with its licence."""
    text = (SOURCES / "node_modules" / "web-vitals" / "package.json").read_text(encoding="utf-8")
    package = json.loads(text)
    return f"// With web-vitals {package['version']}, Google LLC, {package['license']}."


def _npm(*arguments: str) -> None:
    _run(["npm", *arguments, "--ignore-scripts", "--no-audit", "--no-fund", *_PATIENCE])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=SOURCES,
            env={**os.environ, "CI": "1", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=NPM_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScriptError(str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-1500:]
        raise ScriptError(f"{' '.join(command)} failed in {SOURCES}:\n{said}")
    return done.stdout


def main() -> int:
    """Exit code 0 also where the script cannot be built: the product works without it."""
    if is_fresh():
        BUILT.touch()  # which is what make looks at
        return 0
    if not has_node():
        print(_ABSENT, file=sys.stderr)
        return 0
    print("Building the script /rum.js …", file=sys.stderr)
    try:
        build()
    except ScriptError as error:
        print(f"The script /rum.js is not built: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
