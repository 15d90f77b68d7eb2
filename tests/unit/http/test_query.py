from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.http.query import Cursors, moment_us, parse_fields, rest_of_path, select
from event_system.kernel.errors import InvalidQueryError

NOW = 1_800_000_000_000_000
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("now", NOW),
        ("-15m", NOW - 15 * 60 * SECOND),
        ("-90s", NOW - 90 * SECOND),
        ("-2h", NOW - 7_200 * SECOND),
        ("-1d", NOW - 86_400 * SECOND),
        ("-250ms", NOW - 250_000),
        ("-999999999d", 0),
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T01:00:01+01:00", SECOND),
        ("1970-01-01T01:00:01.5 01:00", SECOND + 500_000),
        ("1960-01-01T00:00:00Z", 0),
    ],
)
def test_a_moment_is_absolute_relative_or_now(text: str | None, expected: int | None) -> None:
    assert moment_us(text, "since", NOW) == expected


@pytest.mark.parametrize("text", ["", "-15", "15m", "-m", "yesterday", "2026-11-21T12:00:00", "1"])
def test_another_text_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidQueryError) as raised:
        moment_us(text, "until", NOW)

    assert raised.value.where == "until"


@given(st.integers(0, 2**62), st.lists(st.none() | st.text(), max_size=4))
def test_a_cursor_comes_back_as_its_offset(offset: int, query: list[str | None]) -> None:
    cursors = Cursors(*query)

    assert cursors.decode(cursors.encode(offset)) == offset


@given(st.text())
def test_a_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError):
        Cursors("player.*").decode(text)


def test_a_cursor_of_another_query_is_refused() -> None:
    cursor = Cursors("player.*", None).encode(7)

    with pytest.raises(InvalidQueryError, match="another query"):
        Cursors("player.*", "x").decode(cursor)


def test_no_offset_is_no_cursor() -> None:
    assert Cursors().encode(None) is None
    assert Cursors().decode(None) is None


ATTRIBUTES = {"id": "1", "type": "a", "data_base64": b"x", "region": "eu", "offset": 3}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (None, ["id", "type", "data_base64", "region", "offset"]),
        ("offset,id", ["id", "offset"]),
        ("data", ["data_base64"]),
        ("extensions, id", ["id", "region"]),
        ("subject", []),
    ],
)
def test_fields_select_attributes(fields: str | None, expected: list[str]) -> None:
    assert list(select(ATTRIBUTES, parse_fields(fields))) == expected


@pytest.mark.parametrize("fields", ["", "id,", "tpye", "id;type"])
def test_an_unknown_field_is_refused(fields: str) -> None:
    with pytest.raises(InvalidQueryError) as raised:
        parse_fields(fields)

    assert raised.value.where == "fields"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_rest_of_a_path_is_what_the_client_meant(name: str) -> None:
    raw = b"/api/events/" + b"".join(b"%%%02X" % byte for byte in name.encode())

    assert rest_of_path(raw, b"/api/events/") == name
