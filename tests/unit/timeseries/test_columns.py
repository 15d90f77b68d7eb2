from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.timeseries.columns import pack_times, pack_values, unpack_times, unpack_values

BITS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.floats(width=64).map(lambda value: int(np.float64(value).view(np.uint64))),
    st.sampled_from([0x7FF0000000000002, 0x7FF8000000000000, 0x8000000000000000]),
)


@given(st.lists(BITS, min_size=1, max_size=200))
def test_values_come_back_bit_by_bit(words: list[int]) -> None:
    values = np.array(words, np.uint64).view(np.float64)

    back = unpack_values(pack_values(values), len(values))

    assert back.view(np.uint64).tolist() == words


@given(st.sets(st.integers(-(2**62), 2**62), min_size=1, max_size=200))
def test_times_come_back(times: set[int]) -> None:
    rising = np.array(sorted(times), np.int64)

    assert unpack_times(pack_times(rising), len(rising)).tolist() == sorted(times)


@given(st.integers(0, 2**41), st.integers(1, 10**6), st.integers(1, 500))
def test_even_times_take_no_room(start: int, step: int, count: int) -> None:
    times = start + step * np.arange(count, dtype=np.int64)

    packed = pack_times(times)

    assert len(packed) == 17
    assert (unpack_times(packed, count) == times).all()


@given(st.binary(max_size=60), st.integers(1, 100))
def test_other_bytes_are_refused(data: bytes, count: int) -> None:
    for unpack in (unpack_times, unpack_values):
        try:
            found = unpack(data, count)
        except ValueError:
            continue
        assert len(found) == count


def test_a_count_that_is_not_the_columns_is_refused() -> None:
    packed = pack_values(np.array([1.5, 2.5, 9.25]))

    with pytest.raises(ValueError, match="not 4 of float64"):
        unpack_values(packed, 4)
