from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.unpacking import Unpacking


@given(st.binary(max_size=500), st.integers(1, 50), st.booleans())
def test_a_body_is_what_was_sent_however_it_is_cut(body: bytes, size: int, packed: bool) -> None:
    sent = gzip.compress(body, mtime=0) if packed else body
    unpacking = Unpacking("gzip" if packed else "", len(body))

    for at in range(0, len(sent), size):
        unpacking.feed(sent[at : at + size])

    assert unpacking.whole() == body


@pytest.mark.parametrize("encoding", ["zstd", "br", "deflate", "gzip, gzip"])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match="not asked for"):
        Unpacking(encoding, 100)


def test_a_bomb_makes_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    unpacking = Unpacking("gzip", 100_000)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="larger than 100000 bytes"):
            unpacking.feed(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"x", "no gzip"),
        (b"", "end is missing"),
        (gzip.compress(b"x" * 50, mtime=0)[:-1], "end is missing"),
        (gzip.compress(b"x", mtime=0) + b"more", "goes on"),
    ],
)
def test_what_is_no_gzip_is_refused(body: bytes, said: str) -> None:
    def read() -> None:
        unpacking = Unpacking("gzip", 100)
        unpacking.feed(body)
        unpacking.whole()

    with pytest.raises(ValueError, match=said):
        read()
