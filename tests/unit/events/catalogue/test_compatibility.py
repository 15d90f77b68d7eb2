"""What the compatibility check calls compatible is: no document is lost."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from event_system.events.catalogue.compatibility import incompatibilities
from event_system.events.catalogue.schemas import compile_schema
from tests.unit.events.catalogue.schemas import DOCUMENTS, changed, schemas

N = int(os.environ.get("N", "300"))


def compiled(schema: Any) -> Any:
    return compile_schema(msgspec.json.encode(schema))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    old, other = draw(schemas()), draw(schemas())
    new = draw(changed(old))
    defined = other.get("$defs") if isinstance(other, dict) else None
    if isinstance(new, dict):
        new = {"$defs": defined or {"one": True}, **new}
    return old, new


@settings(max_examples=200, deadline=None)
@given(pairs(), st.lists(DOCUMENTS, min_size=5, max_size=30))
def test_a_compatible_schema_takes_every_document_of_the_old(
    pair: tuple[Any, Any], documents: list[Any]
) -> None:
    old, new = pair
    assume(not incompatibilities(old, new))
    before, after = compiled(old), compiled(new)

    assert [d for d in documents if before.fits(d) and not after.fits(d)] == []


@given(schemas())
def test_every_schema_is_compatible_with_itself(schema: Any) -> None:
    assert incompatibilities(schema, msgspec.json.decode(msgspec.json.encode(schema))) == []


TABLE = [
    ({}, {"type": "object"}, ["#/type"]),
    ({"type": "integer"}, {"type": "number"}, []),
    ({"type": "number"}, {"type": "integer"}, ["#/type"]),
    ({"type": "string"}, {"type": ["string", "null"]}, []),
    ({"type": "object"}, {"type": "object", "required": ["a"]}, ["#/required"]),
    ({"required": ["a", "b"]}, {"required": ["a"]}, []),
    ({"properties": {"a": {}}}, {"properties": {"a": {"type": "string"}}}, ["#/properties/a/type"]),
    (
        {"properties": {}},
        {"properties": {"a": True}, "additionalProperties": False},
        ["#/additionalProperties"],
    ),
    (
        {"properties": {"a": {}}, "additionalProperties": False},
        {"additionalProperties": False},
        ["#/additionalProperties"],
    ),
    ({"additionalProperties": False}, {"properties": {"a": {"type": "string"}}}, []),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}, []),
    ({"enum": ["a", "b"]}, {"enum": ["a"]}, ["#/enum"]),
    ({"enum": [1, 2]}, {"minimum": 1}, []),
    ({"type": "string"}, {"minimum": 1}, []),
    ({"minimum": 1}, {"minimum": 0}, []),
    ({"minimum": 0}, {"exclusiveMinimum": 0}, ["#/exclusiveMinimum"]),
    ({"maxLength": 5}, {"maxLength": 4}, ["#/maxLength"]),
    ({"type": "integer"}, {"type": "integer", "multipleOf": 2}, ["#/multipleOf"]),
    ({"multipleOf": 4}, {"multipleOf": 2}, []),
    ({"items": {"type": "integer"}}, {"items": {"type": "string"}}, ["#/items/type"]),
    ({"pattern": "^a"}, {"pattern": "^b"}, ["#/pattern"]),
    ({"type": "integer"}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, []),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["string", "null"]}, []),
    (
        {"$ref": "#/$defs/a", "$defs": {"a": {"minimum": 2}}},
        {"$ref": "#/$defs/b", "$defs": {"b": {"minimum": 3}}},
        ["#/minimum"],
    ),
    (True, False, ["#/enum"]),
]


@pytest.mark.parametrize(("old", "new", "places"), TABLE)
def test_each_narrowing_is_told_with_its_place(old: Any, new: Any, places: list[str]) -> None:
    assert [each.where for each in incompatibilities(old, new)] == places


def test_what_cannot_be_decided_is_said_and_counts() -> None:
    old = {"properties": {"a": {"type": "string"}}}
    new = {"properties": {"a": {"type": "string", "not": {"const": "x"}}}}

    [found] = incompatibilities(old, new)

    assert not found.decided
    assert found.where == "#/properties/a/not"


def test_a_recursive_schema_is_compared_to_its_end() -> None:
    tree = {"properties": {"left": {"$ref": "#"}, "value": {"type": "integer"}}}
    wider = {"properties": {"left": {"$ref": "#"}, "value": {"type": "number"}}}

    assert incompatibilities(tree, wider) == []
    assert [each.where for each in incompatibilities(wider, tree)] == ["#/properties/value/type"]
