"""How much a request holds, found before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from event_system.kernel.errors import RemoteWriteError

MOST_SAMPLES: Final = 500_000
"""Of a request; Prometheus sends 2,000."""
MOST_FIELDS: Final = 1_000_000
"""Series, labels, samples and whatever else stands beside them."""
SHORTEST: Final = 2
"""Bytes of a field."""
_SERIES: Final = 1
_SAMPLE: Final = 2
_FIXED: Final = {1: 8, 5: 4}
"""Bytes of a field by its wire type, where they are fixed."""
_BYTES: Final = 2


def check_size(request: bytes) -> None:
    """Raises `RemoteWriteError` where it holds too much, or is no message at all.

    Two bytes make a sample of 100 bytes in memory: fields are counted where they lie, by
    https://protobuf.dev/programming-guides/encoding, and only in what may hold too many.
    """
    if len(request) <= SHORTEST * min(MOST_FIELDS, MOST_SAMPLES):
        return
    fields = samples = 0
    for number, start, end in _fields(request, 0, len(request)):
        fields += 1
        if number == _SERIES:
            for inner, _, _ in _fields(request, start, end):
                fields += 1
                samples += inner == _SAMPLE
                _check(fields, samples)
        _check(fields, samples)


def _check(fields: int, samples: int) -> None:
    if samples > MOST_SAMPLES:
        raise RemoteWriteError(f"the request holds over {MOST_SAMPLES} samples")
    if fields > MOST_FIELDS:
        raise RemoteWriteError(f"the request holds over {MOST_FIELDS} series, labels and samples")


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message: number, and where what they hold begins and ends."""
    while at < end:
        key, at = _varint(data, at, end)
        kind, size = key & 7, _FIXED.get(key & 7, 0)
        if kind == _BYTES:
            size, at = _varint(data, at, end)
        elif kind == 0:
            _, at = _varint(data, at, end)
        elif not size:
            raise RemoteWriteError(f"the body is no request: wire type {kind} at byte {at}")
        if at + size > end:
            raise RemoteWriteError(f"the body is no request: byte {at} promises more than there is")
        yield key >> 3, at, at + size
        at += size


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number at a place, and the place after it."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise RemoteWriteError(f"the body is no request: the number before byte {at} has no end")
