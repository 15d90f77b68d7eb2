"""What crosses the pipe comes out as it went in, however it was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.events.event import Event
from event_system.workers.frames import (
    LENGTH_BYTES,
    Begin,
    Cancel,
    Done,
    Failed,
    FrameError,
    Frames,
    Level,
    Logged,
    Order,
    Ready,
    Report,
    Run,
    pack,
    read_order,
    read_report,
)

NUMBERS = st.integers(0, 2**63 - 1)
TEXTS = st.text(max_size=50)
EVENTS = st.builds(
    Event,
    *(NUMBERS, NUMBERS, TEXTS, TEXTS, TEXTS, st.none() | TEXTS, NUMBERS, NUMBERS),
    *(st.none() | TEXTS, st.none() | TEXTS, st.none() | st.binary(), st.none() | st.binary()),
)
ORDERS: st.SearchStrategy[Order] = st.one_of(
    st.builds(Begin, st.dictionaries(TEXTS, st.binary()), NUMBERS),
    st.builds(Level, NUMBERS),
    st.builds(Run, NUMBERS, TEXTS, EVENTS),
    st.builds(Cancel, NUMBERS),
)
DETAILS = st.dictionaries(TEXTS, TEXTS | NUMBERS | st.none() | st.lists(TEXTS))
REPORTS: st.SearchStrategy[Report] = st.one_of(
    st.builds(Ready, st.dictionaries(TEXTS, TEXTS)),
    st.builds(Done, NUMBERS),
    st.builds(Failed, NUMBERS, TEXTS, TEXTS),
    st.builds(
        Logged,
        *(TEXTS, NUMBERS, NUMBERS, TEXTS, st.none() | TEXTS, st.none() | TEXTS),
        *(DETAILS, DETAILS, st.none() | st.dictionaries(TEXTS, TEXTS)),
    ),
)


@given(st.lists(ORDERS), st.lists(st.integers(1, 40)))
def test_orders_come_out_in_their_order_however_they_are_cut(
    orders: list[Order], cuts: list[int]
) -> None:
    assert _received(orders, cuts, read_order) == orders  # type: ignore[arg-type]


@given(st.lists(REPORTS), st.lists(st.integers(1, 40)))
def test_reports_come_out_in_their_order_however_they_are_cut(
    reports: list[Report], cuts: list[int]
) -> None:
    assert _received(reports, cuts, read_report) == reports  # type: ignore[arg-type]


def _received(messages: list[Order | Report], cuts: list[int], read: object) -> list[object]:
    assert callable(read)
    stream, frames = b"".join(map(pack, messages)), Frames(10_000)
    found = []
    for size in [*cuts, len(stream)]:
        piece, stream = stream[:size], stream[size:]
        found += [read(body) for body in frames.feed(piece)]
    return found


def test_a_message_over_the_limit_is_refused_before_it_is_taken() -> None:
    frames = Frames(10)
    assert frames.feed((10).to_bytes(LENGTH_BYTES) + b"0123456789") == [b"0123456789"]

    with pytest.raises(FrameError, match="11 bytes; 10"):
        frames.feed((11).to_bytes(LENGTH_BYTES))
