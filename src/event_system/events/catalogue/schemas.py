"""JSON Schemas, compiled: what of a document does not fit, and where.

Draft 2020-12 unless `$schema` names another; `format` is checked. Nothing is ever fetched, and
patterns are matched in linear time. A schema is bounded in size, depth and work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol
from urllib.parse import unquote

import msgspec

from event_system.events.event import read_json
from event_system.kernel.errors import InvalidTypeError

MAX_SCHEMA_BYTES: Final = 65_536
MAX_DEPTH: Final = 64
MAX_PATTERNS: Final = 200
MAX_WORK: Final = 20_000
"""How many subschemas one document may have to be held against; `$ref` multiplies them."""
MAX_FAULTS: Final = 10
MAX_TOLD: Final = 200
_PATTERN_BYTES: Final = 2 * 1024 * 1024
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class DataFault:
    """What of a document does not fit: the member's path, why, and the schema's keyword."""

    where: str
    detail: str
    keyword: str


class Violation(Protocol):
    """A `jsonschema_rs.ValidationError`, without what that loads."""

    message: str
    schema_path: list[str | int]
    instance_path: list[str | int]


class Validator(Protocol):
    """A `jsonschema_rs.Validator`, likewise."""

    def is_valid(self, instance: Any) -> bool:
        """Whether decoded JSON fits."""

    def iter_errors(self, instance: Any) -> Iterator[Violation]:
        """Why it does not."""


class Schema:
    """A compiled schema. `fits` takes decoded JSON and is what the hot path calls."""

    def __init__(self, validator: Validator) -> None:
        self.fits = validator.is_valid
        self._errors = validator.iter_errors

    def faults(self, value: Any, root: str = "$.data") -> list[DataFault]:
        """The first ten faults of a document; none where it fits."""
        found = islice(self._errors(value), MAX_FAULTS)
        return [_fault(error, root) for error in found]


def compile_schema(raw: bytes, where: str = "$.schema") -> Schema:
    """The schema of JSON text. Raises `InvalidTypeError`, the path in `where`."""
    if len(raw) > MAX_SCHEMA_BYTES:
        raise InvalidTypeError(f"has {len(raw)} bytes, over {MAX_SCHEMA_BYTES}", where=where)
    document = _read(raw, where)
    _check_bounds(document, where)
    import jsonschema_rs  # 5 MB that only those need who have schemas

    linear = jsonschema_rs.RegexOptions(_PATTERN_BYTES, _PATTERN_BYTES)
    try:
        return Schema(
            jsonschema_rs.validator_for(
                document, validate_formats=True, pattern_options=linear, offline=True
            )
        )
    except jsonschema_rs.ValidationError as error:
        path = place(where, error.instance_path)
        raise InvalidTypeError(_short(error.message), where=path) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise InvalidTypeError(_short(str(error)), where=where) from error


def _read(raw: bytes, where: str) -> Any:
    try:
        document = _decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidTypeError(f"is no JSON: {error}", where=where) from error
    if not isinstance(document, dict | bool):
        raise InvalidTypeError("a schema is an object, `true` or `false`", where=where)
    return document


def decode_data(raw: bytes | None) -> Any:
    """The value that a schema is held against; absent data is `null`.

    Raises `ValueError` for what cannot be read as a value.
    """
    return None if raw is None else read_json(raw)


def place(root: str, path: list[str | int]) -> str:
    """`$.data.items[0].name`; members that are no plain words are quoted."""
    text = root
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}"
        else:
            text += f"[{json.dumps(part)}]"
    return text[: 5 * MAX_TOLD]


def _fault(error: Violation, root: str) -> DataFault:
    keyword = "/".join(map(str, error.schema_path))
    return DataFault(
        place(root, error.instance_path), _short(error.message), f"#/{keyword}"[:MAX_TOLD]
    )


def _short(text: str) -> str:
    return text if len(text) <= MAX_TOLD else text[: MAX_TOLD - 1] + "…"


# Bounds


def _check_bounds(document: Any, where: str) -> None:
    if _depth(document) > MAX_DEPTH:
        raise InvalidTypeError(f"is nested deeper than {MAX_DEPTH}", where=where)
    patterns = sum(1 for node in objects(document) for _ in _patterns(node))
    if patterns > MAX_PATTERNS:
        raise InvalidTypeError(f"has {patterns} patterns, over {MAX_PATTERNS}", where=where)
    if _work(document) > MAX_WORK:
        raise InvalidTypeError(
            f"its references multiply to over {MAX_WORK} subschemas", where=where
        )


def _work(document: Any) -> int:
    try:
        return Work(document).of(document)
    except RecursionError:  # a chain of a thousand references
        return MAX_WORK + 1


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def objects(document: Any) -> Iterator[dict[str, Any]]:
    """Every object within a document."""
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        waiting.extend(_children(node))


def _patterns(node: dict[str, Any]) -> Iterator[Any]:
    if "pattern" in node:
        yield node["pattern"]
    named = node.get("patternProperties")
    yield from named if isinstance(named, dict) else ()


class Work:
    """Counts the subschemas that a document may be held against, references followed."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[int, int] = {}

    def of(self, node: Any) -> int:
        """The count for one node; a reference back to a node around it counts once."""
        if not isinstance(node, dict | list):
            return 0
        if (known := self._known.get(id(node))) is not None:
            return known
        self._known[id(node)] = 1  # while it is counted: what refers back to it
        count = 1 + sum(min(self.of(child), MAX_WORK) for child in _children(node))
        if isinstance(node, dict) and isinstance(reference := node.get("$ref"), str):
            count += self.of(resolve(self._root, reference))
        self._known[id(node)] = count
        return count


def resolve(root: Any, reference: str) -> Any:
    """What a local reference `#/a/b` points at; None where it is none or points nowhere."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    node = root
    for part in reference.split("/")[1:]:
        node = _member(node, unquote(part).replace("~1", "/").replace("~0", "~"))
    return node


def _member(node: Any, name: str) -> Any:
    if isinstance(node, list) and name.isdecimal():
        return node[int(name)] if int(name) < len(node) else None
    return node.get(name) if isinstance(node, dict) else None
