"""An OpenAPI document as a reader sees it: operations by tag, parameters, bodies, answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]

PROBLEM = "application/problem+json"

_METHODS = ("post", "get", "put", "patch", "delete")
_NODE = "http://localhost:8080"
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A shown body: JSON laid out, or text as it is."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a member of a shape."""

    name: str
    place: str
    kind: str
    shape: str | None
    needed: bool
    told: str
    limits: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A named schema and its members."""

    name: str
    told: str
    members: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """One media type of a request or an answer.

    `shape` names a shape where it has one, `forms` are shapes without a name.
    """

    media_type: str
    shape: str | None
    told: str
    forms: tuple[Shape, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer by its status; `errors` are the (code, title) of a problem answer."""

    status: str
    told: str
    bodies: tuple[Body, ...]
    errors: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    summary: str
    told: str
    needs_key: bool
    curl: str
    parameters: tuple[Field, ...]
    bodies: tuple[Body, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The operations of a tag."""

    name: str
    told: str
    operations: tuple[Operation, ...]


def sections(document: Document) -> list[Section]:
    """The document's operations by tag, in the order of its tags."""
    found = list(_operations(document))
    return [
        Section(
            tag["name"],
            tag.get("description", ""),
            tuple(operation for tags, operation in found if tag["name"] in tags),
        )
        for tag in document["tags"]
    ]


def shapes(document: Document) -> list[Shape]:
    """The document's named schemas."""
    schemas = document["components"]["schemas"]
    return [
        Shape(name, schema.get("description", ""), tuple(_members(schema)))
        for name, schema in sorted(schemas.items())
    ]


def _operations(document: Document) -> Iterator[tuple[list[str], Operation]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if found := item.get(method):
                yield found["tags"], _operation(path, method, found)


def _operation(path: str, method: str, found: Mapping[str, Any]) -> Operation:
    bodies = tuple(_bodies(found.get("requestBody", {})))
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found["summary"],
        told=found.get("description", ""),
        needs_key="security" not in found,
        curl=_curl(path, method, bodies),
        parameters=tuple(_parameter(each) for each in found.get("parameters", ())),
        bodies=bodies,
        answers=tuple(_answer(*each) for each in sorted(found["responses"].items())),
    )


def _curl(path: str, method: str, bodies: tuple[Body, ...]) -> str:
    """How to ask from a shell, with the first example as body."""
    line = f"curl {'' if method == 'get' else f'-X {method.upper()} '}{_NODE}{path}"
    if not bodies:
        return line
    if "json" not in bodies[0].media_type:
        return f"{line} \\\n  -H 'content-type: {bodies[0].media_type}' \\\n  --data-binary @FILE"
    text = json.dumps(json.loads(bodies[0].examples[0].text), ensure_ascii=False)
    return f"{line} \\\n  -H 'content-type: {bodies[0].media_type}' \\\n  -d '{text}'"


def _answer(status: str, found: Mapping[str, Any]) -> Answer:
    problem = found.get("content", {}).get(PROBLEM)
    if problem is None:
        return Answer(status, found["description"], tuple(_bodies(found)), ())
    errors = tuple((code, each["summary"]) for code, each in problem["examples"].items())
    return Answer(status, "", (), errors)


def _parameter(found: Mapping[str, Any]) -> Field:
    schema = found["schema"]
    return Field(
        name=found["name"],
        place=found["in"],
        kind=kind(schema),
        shape=None,
        needed=found.get("required", False),
        told=found.get("description", ""),
        limits=_limits(schema),
    )


def _members(schema: Mapping[str, Any]) -> Iterator[Field]:
    needed = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        yield Field(
            name=name,
            place="",
            kind=kind(member),
            shape=shape_of(member),
            needed=name in needed,
            told=member.get("description", ""),
            limits=_limits(member),
        )


def _bodies(found: Mapping[str, Any]) -> Iterator[Body]:
    for media_type, content in found.get("content", {}).items():
        schema = content.get("schema", {})
        shape = shape_of(schema)
        yield Body(
            media_type=media_type,
            shape=shape,
            told=schema.get("description", "") if shape is None else "",
            forms=tuple(_form(each) for each in schema.get("anyOf", ())),
            examples=tuple(
                _example(name, each) for name, each in content.get("examples", {}).items()
            ),
        )


def _form(schema: Mapping[str, Any]) -> Shape:
    return Shape(schema["title"], schema.get("description", ""), tuple(_members(schema)))


def _example(name: str, found: Mapping[str, Any]) -> Example:
    value = found["value"]
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return Example(found.get("summary", name), text.rstrip())


def kind(schema: Mapping[str, Any]) -> str:
    """A schema's type in one word or two."""
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(str(each) for each in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(kind(each) for each in schema[several]))
    type_ = schema.get("type", "any")
    if type_ == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return " or ".join(type_) if isinstance(type_, list) else str(type_)


def shape_of(schema: Mapping[str, Any]) -> str | None:
    """The named schema that this one is, or holds."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    inner = [*schema.get("oneOf", ()), *schema.get("allOf", ())]
    if "items" in schema:
        inner.append(schema["items"])
    return next((name for each in inner if (name := shape_of(each))), None)


def _limits(schema: Mapping[str, Any]) -> str:
    told = [text.format(f"{schema[key]:g}") for key, text in _LIMITS.items() if key in schema]
    if schema.get("default") is not None:
        told.append(f"by default `{json.dumps(schema['default']).strip(chr(34))}`")
    return ", ".join(told)
