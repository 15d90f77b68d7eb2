from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.event import event_of
from event_system.events.where import MAX_CONDITIONS, MAX_LENGTH, DataTest, parse_where
from event_system.kernel.errors import InvalidQueryError
from tests.support.rows import row

DATA = {
    "level": 10,
    "ratio": 0.5,
    "name": "Ann",
    "code": "007",
    "vip": True,
    "guild": None,
    "items": [{"id": 7}, {"id": 8}],
    "pos": {"x": -1},
    "a b": {"c.d": "e"},
}


def holds(text: str, data: Any = DATA) -> bool:
    (test,) = parse_where([text])
    return test.holds(event_of(1, row("e", data=json.dumps(data).encode())))


@pytest.mark.parametrize(
    "text",
    [
        *("data.level=10", "data.level=10.0", "data.level>=10", "data.level<11", "data.level!=9"),
        *("data.level != ten", " data.level  >  9.5 ", "data.ratio=5e-1", "data.pos.x<0"),
        *("data.name=Ann", 'data.name="Ann"', "data.name>Amy", "data.name<=Ann", "data.name!=1"),
        *('data.code="007"', "data.code=007", "data.vip=true", "data.vip!=false", "data.vip!=1"),
        *("data.guild=null", "data.guild exists", "data.guild!=x", "data.items exists"),
        *("data.items[1].id=8", "data.items!=x", "data.pos!=null", 'data["a b"]["c.d"]=e'),
        *('data["level"]=10', "data exists", "data!=1"),
    ],
)
def test_a_condition_that_is_true_of_the_data_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        *("data.level=11", 'data.level="10"', "data.level<10", "data.level>x", "data.level!=10"),
        *("data.name=ann", "data.name<Ann", "data.name>1", "data.name!=Ann", "data.code=7"),
        *("data.vip=1", "data.vip>=true", "data.vip>false", "data.guild>=null", "data.guild!=null"),
        *("data.nothing exists", "data.nothing!=1", "data.nothing=null", "data.nothing<1"),
        *("data.items[2] exists", "data.items.id exists", "data.pos[0] exists", "data.name.x!=1"),
        *("data.items=x", "data.pos>0", "data=10"),
    ],
)
def test_a_condition_that_is_not_true_of_the_data_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize("text", ["data=3", "data>2", "data exists"])
def test_data_itself_may_be_what_is_compared(text: str) -> None:
    assert holds(text, 3)
    assert not holds(text, 1) or text == "data exists"


@pytest.mark.parametrize(
    ("media_type", "raw"),
    [(None, None), (None, b"no json"), (None, b"[" * 20_000), ("text/plain", b'{"level":10}')],
)
def test_nothing_holds_where_the_data_is_no_json(media_type: str | None, raw: bytes | None) -> None:
    stored = row("e", data=raw)
    event = event_of(1, (*stored[:11], media_type, *stored[12:]))

    for text in ("data.level=10", "data.level!=1", "data exists"):
        assert not parse_where([text])[0].holds(event)


@pytest.mark.parametrize(
    "text",
    [
        *("", "level=1", "dat=1", "data", "data.level", "data..level=1", "data.=1", "data.a~1"),
        *("data[x]=1", "data[-1]=1", 'data["a]=1', 'data["\\x"]=1'),
        *("data.a=[1]", 'data.a={"b":1}', "data.a existsnot", "data.a exists =1", "dataexists"),
        f"data.a={'x' * MAX_LENGTH}",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError) as refused:
        parse_where([text])
    assert refused.value.where == "where"


def test_too_many_conditions_are_refused() -> None:
    assert len(parse_where(["data.a=1"] * MAX_CONDITIONS)) == MAX_CONDITIONS
    with pytest.raises(InvalidQueryError, match="9 conditions"):
        parse_where(["data.a=1"] * (MAX_CONDITIONS + 1))


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.text(max_size=20), scalars, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
def test_any_member_can_be_named_and_any_scalar_given_as_json(
    member: str, value: Any, operator: str
) -> None:
    text = f"data[{json.dumps(member)}]{operator}{json.dumps(value)}"
    if len(text) > MAX_LENGTH or value in (float("inf"), float("-inf")):
        return

    (test,) = parse_where([text])

    assert test == DataTest((member,), operator, value)
    same = operator in ("=", "<=", ">=") and (
        operator == "=" or not (value is None or isinstance(value, bool))
    )
    assert test.holds(event_of(1, row("e", data=json.dumps({member: value}).encode()))) == same
