"""Event types from files: YAML or JSON, a mapping of names to entries; read-only for the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from event_system.events.catalogue.changes import declared
from event_system.events.catalogue.entry import MAX_TYPES, TypeEntry
from event_system.kernel.errors import ConfigurationError, InvalidTypeError
from event_system.node.settings_file import Fault, FileContent, KeyPath, dotted, read_file

SUFFIXES = (".yaml", ".yml", ".json")
_PART = re.compile(r'\.(\w+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')


@dataclass(slots=True)
class TypeFiles:
    """The entries of files, what is wrong with them, and what was looked at for them."""

    entries: dict[str, TypeEntry] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)

    def checked(self) -> list[TypeEntry]:
        """The entries. Raises `ConfigurationError` with every fault."""
        if self.faults:
            raise ConfigurationError("\n".join(map(str, self.faults)))
        return list(self.entries.values())


def read_type_files(names: Iterable[str], base: Path) -> TypeFiles:
    """Read files, and all YAML and JSON files of folders; relative ones from `base`."""
    found = TypeFiles()
    for name in names:
        path = base / name
        found.paths.append(path)
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES)
            found.paths.extend(inside)
        else:
            inside = [path]
        for each in inside:
            _take(found, each)
    return found


def declared_types(given: Iterable[Mapping[str, Any] | str | Path]) -> list[TypeEntry]:
    """Entries given in code: mappings with a `name`, or paths of files and folders.

    Raises `InvalidTypeError` and `ConfigurationError`.
    """
    entries: list[TypeEntry] = []
    for each in given:
        if isinstance(each, Mapping):
            members = {key: value for key, value in each.items() if key != "name"}
            entries.append(declared(str(each.get("name", "")), members, "code"))
        else:
            entries += read_type_files([str(each)], Path()).checked()
    return entries


def _take(found: TypeFiles, path: Path) -> None:
    content = read_file(path)
    found.faults.extend(content.faults)
    if content.faults:
        return
    for name, value in content.data.items():
        known = found.entries.get(name)
        if known is not None:
            problem = f"is declared in {known.origin} too"
            found.faults.append(Fault(_place(path, content, (name,)), name, problem))
        elif len(found.entries) >= MAX_TYPES:
            found.faults.append(Fault(str(path), name, f"is over the {MAX_TYPES} types allowed"))
            return
        else:
            _take_entry(found, path, content, name, value)


def _take_entry(found: TypeFiles, path: Path, content: FileContent, name: str, value: Any) -> None:
    try:
        found.entries[name] = declared(name, value, str(path))
    except InvalidTypeError as error:
        key = (name, *_key_path(error.where or ""))
        found.faults.append(Fault(_place(path, content, key), dotted(key), error.detail))


def _key_path(where: str) -> KeyPath:
    """The key path of `$.schema.properties["a b"][0]`."""
    parts = (match.groups() for match in _PART.finditer(where) if where.startswith("$"))
    return tuple(int(number) if number else name or quoted for name, number, quoted in parts)


def _place(path: Path, content: FileContent, key: KeyPath) -> str:
    """The file, and the line of the key or of the innermost thing around it."""
    while key and key not in content.lines:
        key = key[:-1]
    return f"{path}:{content.lines[key]}" if key else str(path)
