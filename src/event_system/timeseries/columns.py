"""One column of samples as bytes: rising times or values, without loss of a bit.

A column begins with a byte that says how it is kept: one value for all, even steps, or pcodec's
compression, which finds decimal and integer steps in floats.
"""

from __future__ import annotations

import struct
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

Times: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.float64]

_CONSTANT: Final = b"\x00"
_EVEN: Final = b"\x01"
_PACKED: Final = b"\x02"
_START_AND_STEP: Final = struct.Struct("<qq")
_BITS: Final = struct.Struct("<Q")
_LEVEL: Final = 8
_CONFIG: Final = ChunkConfig(compression_level=_LEVEL)


def pack_times(times: Times) -> bytes:
    """Milliseconds, rising; at least one."""
    steps = np.diff(times)
    if not len(steps) or bool((steps == steps[0]).all()):
        step = int(steps[0]) if len(steps) else 0
        return _EVEN + _START_AND_STEP.pack(int(times[0]), step)
    return _packed(times)


def unpack_times(data: bytes, count: int) -> Times:
    """Raises `ValueError` where the bytes are no column of so many times."""
    if data[:1] == _EVEN:
        start, step = _unpack(_START_AND_STEP, data)
        return np.arange(count, dtype=np.int64) * step + start
    return _unpacked(data, count, np.int64)


def pack_values(values: Values) -> bytes:
    """At least one; every NaN keeps its bits."""
    bits = np.ascontiguousarray(values).view(np.uint64)
    if bool((bits == bits[0]).all()):
        return _CONSTANT + _BITS.pack(int(bits[0]))
    return _packed(values)


def unpack_values(data: bytes, count: int) -> Values:
    """Raises `ValueError` where the bytes are no column of so many values."""
    if data[:1] == _CONSTANT:
        (bits,) = _unpack(_BITS, data)
        return np.full(count, bits, np.uint64).view(np.float64)
    return _unpacked(data, count, np.float64)


def _packed(array: NDArray[Any]) -> bytes:
    return _PACKED + bytes(standalone.simple_compress(np.ascontiguousarray(array), _CONFIG))


def _unpack(form: struct.Struct, data: bytes) -> tuple[int, ...]:
    try:
        return form.unpack(data[1:])
    except struct.error as error:
        raise ValueError(str(error)) from error


def _unpacked(data: bytes, count: int, kind: type[Any]) -> NDArray[Any]:
    if data[:1] != _PACKED:
        raise ValueError("no column")
    try:
        array: NDArray[Any] | None = standalone.simple_decompress(data[1:])
    except (RuntimeError, TypeError) as error:
        raise ValueError(str(error)) from error
    if array is None or array.dtype != kind or len(array) != count:
        raise ValueError(f"not {count} of {kind.__name__}")
    return array
