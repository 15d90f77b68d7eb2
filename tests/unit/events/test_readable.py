from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.readable import MAX_DIGITS, MAX_NESTING, SHORTEST, check_readable
from event_system.kernel.errors import InvalidEventError

texts = st.text(st.sampled_from('[]{}"\\ax,: é'), max_size=8)
leaves = st.none() | st.integers() | texts
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def fault(data: bytes) -> str:
    try:
        check_readable(data)
    except InvalidEventError as error:
        return error.detail if error.where == "$.data" else ""
    return ""


@given(trees, st.integers(0, 12), st.booleans())
def test_nesting_is_counted_as_a_reader_nests(tree: Any, spare: int, objects: bool) -> None:
    levels = MAX_NESTING - 6 + spare
    for _ in range(levels - depth(tree)):
        tree = {'"]': tree} if objects else [tree, [], "[["]
    data = json.dumps(tree, ensure_ascii=False).encode()

    assert bool(fault(data)) == (depth(tree) > MAX_NESTING)


@pytest.mark.parametrize("pair", [b"[]", b"{}"])
def test_the_shortest_data_that_is_too_deep_is_looked_at(pair: bytes) -> None:
    levels = MAX_NESTING + 1
    member = b"[" if pair == b"[]" else b'{"":'
    data = member * levels + (b"" if pair == b"[]" else b"1") + pair[1:] * levels

    assert len(data) > SHORTEST
    assert "levels" in fault(data)
    assert fault(b"[" * MAX_NESTING + b"]" * MAX_NESTING) == ""


@pytest.mark.parametrize(
    "data",
    [
        b"1" * MAX_DIGITS,
        b'"' + b"1" * 9999 + b'"',
        b"0." + b"1" * 9999,
        b"1" * MAX_DIGITS + b".5",
        b"[" + b",".join([b"1" * MAX_DIGITS] * 9) + b"]",
    ],
)
def test_long_digits_that_are_no_long_integer_are_let_by(data: bytes) -> None:
    assert fault(data) == ""
    json.loads(data)


@pytest.mark.parametrize("data", [b"1" * (MAX_DIGITS + 1), b'{"a":-' + b"9" * 5000 + b"}"])
def test_an_integer_that_readers_refuse_is_refused(data: bytes) -> None:
    assert "digits" in fault(data)
    with pytest.raises(ValueError, match="digits"):
        json.loads(data)
