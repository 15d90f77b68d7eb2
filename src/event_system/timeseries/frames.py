"""Framed parts of a file: each has a mark, a length and a checksum, and is found again after damage.

A frame is 4 bytes of mark, the payload's length and its CRC-32 (little endian, 4 bytes each), and
the payload. A reader that meets a broken frame looks for the next mark whose frame is whole.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import zstandard

HEADER: Final = struct.Struct("<4sII")
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a payload, packed and unpacked."""
_STEP: Final = 1024 * 1024


class Bytes(Protocol):
    """Where frames are read from."""

    def read(self, at: int, length: int) -> bytes:
        """The bytes at an offset; fewer at the end of the file."""

    def length(self) -> int:
        """Of the whole file."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame: where it begins and ends, and its payload."""

    at: int
    end: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no frame."""

    at: int
    end: int


def pack_frame(mark: bytes, payload: bytes) -> bytes:
    return HEADER.pack(mark, len(payload), zlib.crc32(payload)) + payload


def squeeze(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


def unsqueeze(data: bytes) -> bytes:
    """Raises `ValueError` where the data are none of `squeeze`."""
    try:
        if zstandard.frame_content_size(data) > LARGEST:
            raise ValueError("more than a payload may hold")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=LARGEST)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def frame_at(source: Bytes, at: int, marks: tuple[bytes, ...]) -> Frame | None:
    """The frame that begins here, if a whole one does."""
    header = source.read(at, HEADER.size)
    if len(header) < HEADER.size:
        return None
    mark, length, checksum = HEADER.unpack(header)
    if mark not in marks or length > LARGEST:
        return None
    payload = source.read(at + HEADER.size, length)
    if len(payload) < length or zlib.crc32(payload) != checksum:
        return None
    return Frame(at, at + HEADER.size + length, payload)


def frames(source: Bytes, at: int, mark: bytes) -> Iterator[Frame | Gap]:
    """All frames of a mark, one after the other, and what is between them."""
    end = source.length()
    while at < end:
        found = frame_at(source, at, (mark,))
        if found is None:
            following = next_frame(source, at + 1, (mark,))
            upto = end if following is None else following
            yield Gap(at, upto)
            at = upto
        else:
            yield found
            at = found.end


def next_frame(source: Bytes, at: int, marks: tuple[bytes, ...]) -> int | None:
    """Where the next whole frame begins."""
    end = source.length()
    while at < end:
        window = source.read(at, _STEP)
        places = sorted(place for mark in marks for place in _places(window, mark))
        for place in places:
            if frame_at(source, at + place, marks) is not None:
                return at + place
        if len(window) < _STEP:
            return None
        at += _STEP - 3  # a mark may lie across the border
    return None


def _places(window: bytes, mark: bytes) -> Iterator[int]:
    place = window.find(mark)
    while place >= 0:
        yield place
        place = window.find(mark, place + 1)
