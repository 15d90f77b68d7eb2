from __future__ import annotations

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import RemoteWriteError
from event_system.promql.ports import STALE_BITS, Labels
from event_system.timeseries.remote.counting import MOST_FIELDS, MOST_SAMPLES, SHORTEST
from event_system.timeseries.remote.wire import LARGEST, decoded, encoded
from tests.support.series import labels

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
SAMPLES = st.lists(
    st.tuples(
        st.builds(lambda name, value: labels(name, a=value), st.sampled_from(["x", "y:z"]), TEXT),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 2**64 - 1),
    ),
    max_size=20,
)


@given(SAMPLES)
def test_what_is_encoded_is_decoded_bit_by_bit(samples: list[tuple[Labels, int, int]]) -> None:
    bits = np.array([each[2] for each in samples], np.uint64)
    times = np.array([each[1] for each in samples], np.int64)
    values = bits.view(np.float64)

    found = decoded(encoded([each[0] for each in samples], times, values))

    assert found.labels == [each[0] for each in samples]
    assert found.times.tolist() == times.tolist()
    quiet = np.isnan(values)  # the sign of a NaN and its bits are those of a double all the same
    assert found.values[~quiet].view(np.uint64).tolist() == bits[~quiet].tolist()
    assert np.isnan(found.values[quiet]).all()


def test_the_end_of_a_series_keeps_its_bits() -> None:
    stale = np.array([STALE_BITS], np.uint64).view(np.float64)

    found = decoded(encoded([labels("x")], np.array([1]), stale))

    assert found.values.view(np.uint64).tolist() == [STALE_BITS]


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_hold_nothing_wrong(body: bytes) -> None:
    try:
        found = decoded(body)
    except RemoteWriteError:
        return
    assert len(found.labels) == len(found.times) == len(found.values)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = bytes(cramjam.snappy.compress_raw(bytes(LARGEST + 1)))

    with pytest.raises(RemoteWriteError, match="unpacks to more"):
        decoded(bomb)


def _message(number: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size, length = len(body), b""
    while size > 127:
        size, length = size >> 7, length + bytes([size & 127 | 128])
    return bytes([number << 3 | 2]) + length + bytes([size]) + body


EMPTY_SAMPLE, EMPTY_SERIES = b"\x12\x00", b"\x0a\x00"
NAMED = _message(1, _message(1, b"__name__"), _message(2, b"x"))
TOO_MUCH = {
    "samples": (_message(1, NAMED, EMPTY_SAMPLE * (MOST_SAMPLES + 1)), "over 500000 samples"),
    "series": (EMPTY_SERIES * (MOST_FIELDS + 1), "over 1000000 series"),
    "labels": (_message(1, EMPTY_SERIES * (MOST_FIELDS + 1)), "over 1000000 series"),
    "groups": (b"\x0b" * (SHORTEST * MOST_SAMPLES + 1), "wire type 3"),
    "no end": (_message(1, bytes(SHORTEST * MOST_SAMPLES + 1))[:-1], "promises more"),
    "a number": (b"\xff" * (SHORTEST * MOST_SAMPLES + 1), "has no end"),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_a_small_request_of_very_many_parts_is_refused(kind: str) -> None:
    body, said = TOO_MUCH[kind]

    with pytest.raises(RemoteWriteError, match=said):
        decoded(bytes(cramjam.snappy.compress_raw(body)))


def test_as_many_samples_as_may_be_are_taken() -> None:
    body = _message(1, NAMED, EMPTY_SAMPLE * MOST_SAMPLES)

    found = decoded(bytes(cramjam.snappy.compress_raw(body)))

    assert len(found.labels) == len(found.times) == MOST_SAMPLES


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((("a", "b"),), "no metric name"),
        ((("__name__", "1x"),), "no metric name"),
        ((("__name__", "x"), ("a-b", "c")), "no label name"),
        ((("__name__", "x"), *((f"l{n}", "v") for n in range(200))), "labels"),
    ],
)
def test_labels_that_cannot_be_are_refused(given: Labels, said: str) -> None:
    body = encoded([given], np.array([1]), np.array([1.0]))

    with pytest.raises(RemoteWriteError, match=said):
        decoded(body)
