"""The work tree as the tests of this folder see it: its files, modules, packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "event_system"
MADE = {
    PACKAGE / "_build.py",
    PACKAGE / "rum" / "built",
    ROOT / "rum" / "node_modules",
    ROOT / "data",
    ROOT / "dist",
    ROOT / ".git",
}


@dataclass(frozen=True, slots=True)
class Module:
    """A source file of the product, read and parsed."""

    path: Path
    text: str
    syntax: ast.Module

    @property
    def name(self) -> str:
        """Its place in the package, e.g. `delivery/lane.py`."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def room(self) -> str:
        """The first-level package that it is in, e.g. `delivery`."""
        return self.name.partition("/")[0]

    def imports(self) -> Iterator[str]:
        """The dotted names of all modules that it imports, wherever the import stands."""
        for node in ast.walk(self.syntax):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


@cache
def files() -> tuple[Path, ...]:
    """All files that are kept. Without git's help, which a machine need not have."""
    return tuple(
        sorted(path for folder in _folders(ROOT) for path in folder.iterdir() if _kept(path))
    )


def _folders(folder: Path) -> Iterator[Path]:
    yield folder
    for child in folder.iterdir():
        hidden = child.name.startswith(".") and child.name != ".ci"
        if child.is_dir() and not hidden and child.name != "__pycache__" and child not in MADE:
            yield from _folders(child)


def _kept(path: Path) -> bool:
    return path.is_file() and path not in MADE


@cache
def texts() -> dict[str, str]:
    """The files that are UTF-8 text, by path."""
    found = {}
    for path in files():
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


@cache
def modules() -> tuple[Module, ...]:
    """The modules of the product."""
    paths = (path for path in files() if path.suffix == ".py" and path.is_relative_to(PACKAGE))
    return tuple(_parse(path) for path in paths)


def _parse(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path, text, ast.parse(text, str(path)))
