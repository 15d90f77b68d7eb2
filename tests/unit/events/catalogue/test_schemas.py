"""What a schema may be, and what it says of a document."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from event_system.events.catalogue.schemas import MAX_FAULTS, compile_schema, decode_data
from event_system.kernel.errors import InvalidTypeError

LEVEL = {
    "type": "object",
    "properties": {"level": {"type": "integer", "minimum": 1}, "a b": {"items": {"type": "null"}}},
    "required": ["level"],
}


def _encoded(schema: Any) -> bytes:
    return msgspec.json.encode(schema)


def test_a_fault_points_into_the_document() -> None:
    schema = compile_schema(_encoded(LEVEL))

    faults = schema.faults({"level": 0, "a b": [None, 1]})

    assert {fault.where for fault in faults} == {"$.data.level", '$.data["a b"][1]'}
    assert {fault.keyword for fault in faults} == {
        "#/properties/level/minimum",
        "#/properties/a b/items/type",
    }


def test_faults_are_bounded_in_number_and_length() -> None:
    schema = compile_schema(_encoded({"items": {"type": "null"}}))

    faults = schema.faults(["x" * 10_000] * 1000)

    assert len(faults) == MAX_FAULTS
    assert all(len(fault.detail) <= 200 for fault in faults)


def _doubling(depth: int) -> dict[str, Any]:
    defs: dict[str, Any] = {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(depth)
    }
    return {"$defs": {**defs, f"a{depth}": {"type": "null"}}, "$ref": "#/$defs/a0"}


def _nested(depth: int) -> Any:
    schema: Any = {}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "where", "said"),
    [
        ({"type": "strin"}, "$.schema.type", "strin"),
        ({"properties": {"a": {"minimum": "x"}}}, "$.schema.properties.a.minimum", "number"),
        ({"$ref": "https://example.com/schema"}, "$.schema", "example.com"),
        ({"$ref": "file:///etc/passwd"}, "$.schema", "disabled"),
        ({"$ref": "#/$defs/absent"}, "$.schema", "absent"),
        ({"$schema": "https://example.com/mine"}, "$.schema", "example.com"),
        ({"pattern": "(?=a)b"}, "$.schema.pattern", "regex"),
        ({"pattern": "(((a{1000}){1000}){1000})"}, "$.schema.pattern", "regex"),
        ({"description": "x" * 65_536}, "$.schema", "bytes"),
        (_nested(70), "$.schema", "deeper"),
        ({"allOf": [{"pattern": str(n)} for n in range(201)]}, "$.schema", "201 patterns"),
        (_doubling(30), "$.schema", "multiply"),
        (["a"], "$.schema", "object"),
        (5, "$.schema", "object"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_used_is_refused_with_its_place(schema: Any, where: str, said: str) -> None:
    with pytest.raises(InvalidTypeError) as refused:
        compile_schema(_encoded(schema))

    assert refused.value.where == where
    assert said in refused.value.detail


def test_a_chain_of_references_longer_than_the_stack_is_refused() -> None:
    chain = {f"{n}": {"$ref": f"#/$defs/{n + 1}"} for n in range(1500)}

    with pytest.raises(InvalidTypeError):
        compile_schema(_encoded({"$defs": {**chain, "1500": {}}, "$ref": "#/$defs/0"}))


@pytest.mark.parametrize(
    "schema", [True, {}, {"$schema": "http://json-schema.org/draft-07/schema#"}, {"$ref": "#"}]
)
def test_what_accepts_everything_is_a_schema(schema: Any) -> None:
    assert compile_schema(_encoded(schema)).fits({"any": ["thing"]})


def test_a_pattern_that_backtracks_elsewhere_is_linear_here() -> None:
    schema = compile_schema(_encoded({"pattern": "^(a+)+$"}))

    assert not schema.fits("a" * 50_000 + "b")


def test_formats_are_checked() -> None:
    schema = compile_schema(_encoded({"format": "date-time"}))

    assert schema.fits("2026-11-21T12:00:00Z")
    assert not schema.fits("yesterday")


@pytest.mark.parametrize(
    ("raw", "value"), [(None, None), (b"null", None), (b"1e400", float("inf"))]
)
def test_absent_data_is_null_and_numbers_may_be_too_large(raw: bytes | None, value: Any) -> None:
    assert decode_data(raw) == value
