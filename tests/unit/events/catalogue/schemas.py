"""Schemas and documents of them, made by chance: the subset that people write."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "c")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x", "xyz", "2026-11-21"])
)
SMALL = st.integers(0, 3)
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(SCALARS, st.sampled_from([0.5, 1.0, -1.5])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from((*NAMES, "d")), inner)
    ),
    max_leaves=6,
)


def some_of(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=keywords)


def _members(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return some_of(
        type=st.just("object"),
        properties=st.dictionaries(st.sampled_from(NAMES), inner, max_size=2),
        required=st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
        additionalProperties=st.one_of(st.booleans(), inner),
        patternProperties=st.dictionaries(st.sampled_from(["^a", "b|c"]), inner, max_size=1),
        minProperties=SMALL,
        maxProperties=SMALL,
    )


def _elements(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return some_of(
        type=st.just("array"),
        items=inner,
        prefixItems=st.lists(inner, min_size=1, max_size=2),
        minItems=SMALL,
        maxItems=SMALL,
        uniqueItems=st.booleans(),
    )


NUMBERS = some_of(
    type=st.sampled_from(["integer", "number", ["number", "null"], ["integer", "string"]]),
    minimum=SMALL,
    maximum=SMALL,
    exclusiveMinimum=SMALL,
    exclusiveMaximum=SMALL,
    multipleOf=st.sampled_from([1, 2, 0.5, 3]),
)
STRINGS = some_of(
    type=st.sampled_from(["string", ["string", "boolean"]]),
    minLength=SMALL,
    maxLength=SMALL,
    pattern=st.sampled_from(["^x", "z$"]),
    format=st.just("date"),
)
LISTED = st.one_of(
    st.builds(lambda values: {"enum": values}, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, SCALARS),
)


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        some_of(anyOf=several, minimum=SMALL, allOf=several),
        some_of(oneOf=several, type=st.just("object")),
        some_of(**{"not": inner, "if": inner, "then": inner, "$ref": st.just("#/$defs/one")}),
    )


PARTS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.booleans(), NUMBERS, STRINGS, LISTED),
    lambda inner: st.one_of(_members(inner), _elements(inner), _combined(inner)),
    max_leaves=6,
)


@st.composite
def schemas(draw: st.DrawFn) -> Any:
    """A whole schema; `#/$defs/one` is there for those that refer to it."""
    schema = draw(PARTS)
    return {**schema, "$defs": {"one": draw(PARTS)}} if isinstance(schema, dict) else schema


@st.composite
def changed(draw: st.DrawFn, schema: Any) -> Any:
    """The schema with one place in it changed: what an owner does between two versions."""
    if not isinstance(schema, dict) or not schema or draw(st.booleans()):
        return draw(PARTS)
    key = draw(st.sampled_from(sorted(schema)))
    value = schema[key]
    if key in ("properties", "patternProperties", "$defs") and value:
        name = draw(st.sampled_from(sorted(value)))
        return {**schema, key: {**value, name: draw(changed(value[name]))}}
    if isinstance(value, dict) and value:
        return {**schema, key: draw(changed(value))}
    if draw(st.booleans()):
        return {k: v for k, v in schema.items() if k != key}
    return {**schema, **draw(st.one_of(NUMBERS, STRINGS, _members(PARTS), _elements(PARTS)))}
