from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from event_system.cli.transfer.lines import Line, LineReader, Naming
from event_system.cli.transfer.packing import unpacked
from event_system.kernel.errors import EventTooLargeError, InvalidEventError


def read(text: bytes, **options: int) -> list[Line]:
    reader = LineReader(io.BytesIO(text), **options)
    found: list[Line] = []
    while chunk := reader.chunk():
        assert len(chunk) <= options.get("chunk_lines", 500)
        found += chunk
    return found


def test_lines_have_their_numbers_and_places_and_empty_ones_are_left_out() -> None:
    assert read(b"a\n\n  \nbb\r\nc") == [Line(1, 2, b"a"), Line(4, 10, b"bb"), Line(5, 11, b"c")]


def test_a_line_that_is_too_long_is_told_and_passed_over() -> None:
    lines = read(b"a\n" + b"x" * 5_000 + b"\nb\n", longest=1_000)

    assert [(line.number, line.too_long) for line in lines] == [(1, False), (2, True), (3, False)]
    assert lines[1].text == b"x" * 200
    assert lines[2].end == 2 + 5_001 + 2
    with pytest.raises(EventTooLargeError):
        Naming("f").draft(lines[1])


def test_a_line_of_exactly_the_longest_length_is_none_too_many() -> None:
    lines = read(b"x" * 1_000 + b"\n" + b"y" * 1_001 + b"\n" + b"z" * 1_000, longest=1_000)

    assert [line.too_long for line in lines] == [False, True, False]


@given(st.lists(st.binary(max_size=40).filter(lambda b: b"\n" not in b)), st.integers(1, 7))
def test_reading_on_behind_any_line_finds_the_rest(texts: list[bytes], chunk_lines: int) -> None:
    text = b"\n".join(texts) + b"\n"
    lines = read(text, longest=30, chunk_lines=chunk_lines)

    for at, line in enumerate(lines):
        reader = LineReader(io.BytesIO(text), longest=30)
        reader.skip(line.number, line.end)
        assert reader.chunk() == lines[at + 1 :]


def drafted(text: str, naming: Naming | None = None, number: int = 1) -> Any:
    naming = naming or Naming("f")
    made = naming.draft(Line(number, 0, text.encode()))
    members = json.loads(made.body)
    assert members["id"] == made.id
    return members


def test_what_an_export_adds_is_dropped_and_all_else_is_kept() -> None:
    exported = (
        '{"specversion":"1.0","id":"x","source":"s","type":"a","time":"2026-11-21T12:00:00.123Z",'
        '"received_at":"2026-11-21T12:00:00.123Z","offset":7,"lane":3,"region":"eu",'
        '"traceparent":"00-1-2-01","datacontenttype":"text/plain","data":"x"}'
    )

    kept = json.loads(exported)
    for name in ("received_at", "offset", "lane"):
        del kept[name]
    assert drafted(exported) == kept


def test_data_stays_as_it_is_written() -> None:
    body = Naming("f").draft(Line(1, 0, b'{"type":"a","data":{"n":1.50,"n":2e400}}')).body

    assert b'"data":{"n":1.50,"n":2e400}' in body


def test_an_id_that_is_made_depends_on_import_line_and_text_only() -> None:
    text = '{"type":"a"}'
    here = drafted(text)["id"]

    assert drafted(text)["id"] == here
    assert drafted(text, Naming("f", "src"))["id"] == here
    others = [
        drafted(text, number=2)["id"],
        drafted(text, Naming("g"))["id"],
        drafted('{"type":"b"}')["id"],
    ]
    assert len({here, *others}) == 4


@pytest.mark.parametrize("text", ["[]", "7", "null", "{", "", '{"type":"a","id":7}', '{"id":[}'])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(InvalidEventError):
        drafted(text)


def test_a_small_file_that_unpacks_to_much_is_read_in_pieces() -> None:
    packed = zstandard.ZstdCompressor().compress(b"x" * 100_000_000)
    assert len(packed) < 20_000

    tracemalloc.start()
    lines = LineReader(unpacked(io.BytesIO(packed))).chunk()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [(line.end, line.too_long) for line in lines] == [(100_000_000, True)]
    assert most < 90_000_000
