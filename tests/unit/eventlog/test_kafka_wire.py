"""Record batches as a broker gives them back."""

from __future__ import annotations

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.eventlog.kafka import wire
from event_system.eventlog.kafka.wire import Mark
from event_system.events.event import Row
from tests.support.rows import row

MOST = 1_048_576
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ROWS = st.lists(
    st.builds(
        row,
        TEXT,
        subject=st.none() | TEXT,
        received_us=st.integers(0, 2**52),
        data=st.none() | st.binary(max_size=50),
    ),
    min_size=1,
    max_size=8,
)


def standing(batch: bytes | None, place: int) -> bytes:
    """The batch as it stands at a place: its base offset is the broker's to set."""
    assert batch is not None
    return place.to_bytes(8) + batch[8:]


@settings(deadline=None)
@given(rows=ROWS, place=st.integers(0, 2**40), offset=st.integers(1, 2**40))
def test_a_commit_is_read_as_it_was_written(rows: list[Row], place: int, offset: int) -> None:
    batch = wire.batch(rows, Mark("7", "w.1.0", place, offset), MOST)

    page = wire.read(standing(batch, place), place)

    assert [each.row for each in page.records] == rows
    assert [each.place for each in page.records] == list(range(place, place + len(rows)))
    assert [each.offset for each in page.records] == list(range(offset, offset + len(rows)))
    assert {(each.log, each.commit) for each in page.records} == {("7", "w.1.0")}
    assert (page.foreign, page.end) == (0, place + len(rows))


@settings(deadline=None)
@given(rows=ROWS, named=st.integers(0, 50), stands=st.integers(0, 50))
def test_only_what_stands_where_it_says_counts(rows: list[Row], named: int, stands: int) -> None:
    batch = wire.batch(rows, Mark("7", "w.1.0", named, 1), MOST)

    page = wire.read(standing(batch, stands), stands)

    assert len(page.records) == (len(rows) if named == stands else 0)
    assert page.end == stands + len(rows)


def test_reading_begins_in_the_middle_of_a_batch() -> None:
    rows = [row(f"e{n}") for n in range(5)]
    batch = standing(wire.batch(rows, Mark("7", "c", 10, 1), MOST), 10)

    page = wire.read(batch, 13)

    assert [each.row for each in page.records] == rows[3:]


def test_a_topic_begins_with_a_record_that_is_no_event() -> None:
    page = wire.read(standing(wire.beginning("7", 3, 41, 0), 3), 3)

    assert [tuple(each) for each in page.records] == [(3, "7", wire.BEGIN, 41, None)]


def test_a_commit_that_is_too_large_is_told() -> None:
    rows = [row(f"e{n}", data=b"x" * 1_000) for n in range(20)]

    assert wire.batch(rows, Mark("7", "c", 0, 1), 10_000) is None
    assert wire.batch(rows, Mark("7", "c", 0, 1), 30_000) is not None
    assert wire.batch(rows[:1], Mark("7", "c", 0, 1), 1_000) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("log", b"7")],
        [("log", b"7"), ("commit", b"c"), ("place", b"x"), ("offset", b"1")],
        [("log", b"7"), ("commit", b"c"), ("place", None), ("offset", b"1")],
        [("log", b"\xff"), ("commit", b"c"), ("place", b"0"), ("offset", b"1")],
    ],
)
def test_records_of_others_are_counted_and_passed_over(
    headers: list[tuple[str, bytes | None]],
) -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, MOST)
    builder.append(0, 0, None, b"what is this?", headers)

    page = wire.read(bytes(builder.build()), 0)

    assert (page.records, page.foreign, page.end) == ([], 1, 1)


def test_what_is_compressed_is_of_others_whatever_the_codec() -> None:
    builder = DefaultRecordBatchBuilder(2, 1, 0, -1, -1, -1, MOST)
    for number in range(3):
        builder.append(number, 0, None, b"x" * 100, [])
    batch = bytearray(builder.build())
    own = standing(wire.batch([row("a")], Mark("7", "c", 3, 1), MOST), 3)

    page = wire.read(bytes(batch) + own, 0)

    assert (len(page.records), page.foreign, page.end) == (1, 3, 4)


def test_what_is_damaged_is_no_event() -> None:
    batch = bytearray(standing(wire.batch([row("a")], Mark("7", "c", 0, 1), MOST), 0))
    batch[-1] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        wire.read(bytes(batch), 0)
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, MOST)
    marks = [("log", b"7"), ("commit", b"c"), ("place", b"0"), ("offset", b"1")]
    builder.append(0, 0, None, b"\x93no event", marks)
    with pytest.raises(ValueError, match="cannot be read"):
        wire.read(bytes(builder.build()), 0)
