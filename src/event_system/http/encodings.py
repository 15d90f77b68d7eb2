"""Content codings of bodies: zstd, br and gzip, in and out.

What comes in is unpacked in small steps, so that a body which is small on the wire and huge
behind it costs no more than the limit. What goes out is packed by what the client likes best.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeAlias

import brotli  # type: ignore[import-untyped]
import zstandard

from event_system.kernel.errors import (
    BodyTooLargeError,
    MalformedEncodingError,
    UnsupportedEncodingError,
)

PREFERRED: Final = ("zstd", "br", "gzip")
"""What the client likes the same is chosen in this order."""

_Stream: TypeAlias = tuple[Callable[[bytes], bytes], Callable[[], bytes], Callable[[], bytes]]
"""Take a part, let all of it out, end."""

_ZSTD_LEVEL, _BROTLI_QUALITY, _GZIP_LEVEL = 3, 4, 5
_ZSTD_WINDOW: Final = 8 * 1024 * 1024  # RFC 9659
_GZIP: Final = 31
# A block of zstd has four bytes at least and 128 KiB at most: a step makes no more than 32 MiB.
_ZSTD_STEP: Final = 1024
_STEP: Final = 65_536


class Packer:
    """Packs a body, in one of the `PREFERRED` codings, that comes in parts."""

    def __init__(self, coding: str) -> None:
        self._pack, self._flush, self._finish = _STREAMS[coding]()

    def part(self, part: bytes) -> bytes:
        """A part; who reads as far as here gets all of it."""
        return self._pack(part) + self._flush()

    def end(self, part: bytes) -> bytes:
        """The last part."""
        return self._pack(part) + self._finish()


def _zstd_stream() -> _Stream:
    packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    flush = partial(packer.flush, zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return packer.compress, flush, packer.flush


def _brotli_stream() -> _Stream:
    packer = brotli.Compressor(quality=_BROTLI_QUALITY)
    return packer.process, packer.flush, packer.finish


def _gzip_stream() -> _Stream:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP)
    return packer.compress, partial(packer.flush, zlib.Z_SYNC_FLUSH), packer.flush


_STREAMS: Final[dict[str, Callable[[], _Stream]]] = {
    "zstd": _zstd_stream,
    "br": _brotli_stream,
    "gzip": _gzip_stream,
}


def unpacked(coding: bytes, body: bytes, limit: int) -> bytes:
    """The content of a request's body, by its `Content-Encoding`.

    Raises `UnsupportedEncodingError`, `MalformedEncodingError`, and `BodyTooLargeError` as
    soon as there are more than `limit` bytes.
    """
    name = coding.strip().lower()
    if name in (b"", b"identity"):
        return body
    unpack = _UNPACK.get(name)
    if unpack is None:
        shown = coding[:80].decode("latin-1")
        raise UnsupportedEncodingError(f"the body is encoded as {shown!r}", where=shown)
    try:
        return _joined(unpack(body), limit)
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
        shown = name.decode()
        raise MalformedEncodingError(f"the body is no {shown}: {error}", where=shown) from error


def _joined(parts: Iterator[bytes], limit: int) -> bytes:
    whole, size = [], 0
    for part in parts:
        size += len(part)
        if size > limit:
            raise BodyTooLargeError(f"over {limit} bytes when unpacked")
        whole.append(part)
    return b"".join(whole)


def _gunzip(body: bytes) -> Iterator[bytes]:
    """Parts of every member."""
    while body:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            part = member.decompress(body, _STEP)
            body = member.unconsumed_tail
            if not part and not body and not member.eof:
                raise EOFError(_SHORT)
            yield part
        body = member.unused_data


def _unbrotli(body: bytes) -> Iterator[bytes]:
    stream = brotli.Decompressor()
    yield stream.process(body, output_buffer_limit=_STEP)
    while not stream.is_finished():
        part = stream.process(b"", output_buffer_limit=_STEP)
        if not part and not stream.is_finished():
            raise EOFError(_SHORT)
        yield part


def _unzstd(body: bytes) -> Iterator[bytes]:
    """Parts of every frame."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = None
    for at in range(0, len(body), _ZSTD_STEP):
        piece = body[at : at + _ZSTD_STEP]
        while piece:
            if frame is None or frame.eof:
                frame = unpacker.decompressobj()
            yield frame.decompress(piece)
            piece = frame.unused_data
    if frame is not None and not frame.eof:
        raise EOFError(_SHORT)


_SHORT: Final = "it ends too early"
_UNPACK: Final[dict[bytes, Callable[[bytes], Iterator[bytes]]]] = {
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"br": _unbrotli,
    b"zstd": _unzstd,
}
