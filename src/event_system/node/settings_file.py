"""A configuration file as plain data, with the line of every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

KeyPath: TypeAlias = tuple[str | int, ...]
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (file and line, or variable), which key, what is allowed."""

    place: str
    key: str
    problem: str

    def __str__(self) -> str:
        return (
            f"{self.place}: {self.key}: {self.problem}"
            if self.key
            else (f"{self.place}: {self.problem}")
        )


@dataclass(slots=True)
class FileContent:
    """The file's data, the line of each key path, and what is wrong with the file as such."""

    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_file(path: Path) -> FileContent:
    """Read a YAML file. Never raises: faults are listed in the answer."""
    content = FileContent()
    try:
        raw = path.read_bytes()
    except OSError as error:
        content.faults.append(Fault(str(path), "", f"cannot be read: {error.strerror}"))
        return content
    if len(raw) > MAX_BYTES:
        content.faults.append(Fault(str(path), "", f"has over {MAX_BYTES} bytes"))
        return content
    try:
        text = raw.decode("utf-8-sig")
        root = _compose(text)
    except UnicodeDecodeError as error:
        content.faults.append(Fault(str(path), "", f"byte {error.start} is no UTF-8"))
    except yaml.YAMLError as error:
        content.faults.append(_syntax_fault(path, error))
    else:
        _Reader(path, content).read(root)
    return content


def _compose(text: str) -> yaml.Node | None:
    loader = yaml.SafeLoader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _syntax_fault(path: Path, error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
    problem = getattr(error, "problem", None) or str(error)
    return Fault(place, "", f"not YAML: {problem}".replace("\t", "\\t"))


class _Reader:
    """Turns YAML nodes into data; refuses what a configuration never needs."""

    def __init__(self, path: Path, content: FileContent) -> None:
        self._path = path
        self._content = content
        self._seen: set[int] = set()

    def read(self, root: yaml.Node | None) -> None:
        if root is None or (root.tag == "tag:yaml.org,2002:null"):
            return
        if not isinstance(root, yaml.MappingNode):
            self._fault(root, (), "the file must be a mapping of settings")
            return
        self._content.data = self._value(root, ())

    def _value(self, node: yaml.Node, key: KeyPath) -> Any:
        if id(node) in self._seen:
            return self._fault(node, key, "aliases are not allowed")
        if len(key) > MAX_DEPTH:
            return self._fault(node, key, "is nested too deeply")
        if isinstance(node, yaml.MappingNode):
            self._seen.add(id(node))
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            self._seen.add(id(node))
            return [self._item(item, (*key, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _item(self, node: yaml.Node, key: KeyPath) -> Any:
        self._content.lines[key] = node.start_mark.line + 1
        return self._value(node, key)

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            path = (*key, name)
            if name in found:
                first = self._content.lines[path]
                self._fault(name_node, path, f"is given twice (first in line {first})")
                continue
            self._content.lines[path] = name_node.start_mark.line + 1
            found[name] = self._value(value_node, path)
        return found

    def _scalar(self, node: yaml.Node, key: KeyPath) -> Any:
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            return self._fault(node, key, f"cannot be read: {error}".split("\n", 1)[0])

    def _fault(self, node: yaml.Node, key: KeyPath, problem: str) -> None:
        place = f"{self._path}:{node.start_mark.line + 1}"
        self._content.faults.append(Fault(place, dotted(key), problem))


def dotted(key: KeyPath) -> str:
    """`security.api_keys[0].hash`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
