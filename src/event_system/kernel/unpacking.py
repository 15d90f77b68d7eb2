"""Bytes from outside, unpacked as far as a limit and no further."""

from __future__ import annotations

import zlib

_GZIP = 16 + zlib.MAX_WBITS


class Unpacking:
    """A body that comes in parts, plain or packed with gzip; never more than the limit is made.

    HTTP clients that unpack by themselves make gigabytes of some kilobytes before anybody can
    count them, so the raw parts are to be given to `feed`.
    """

    def __init__(self, encoding: str, most: int) -> None:
        """`encoding` is the header `content-encoding`. Raises `ValueError` for any other one."""
        packed = encoding.strip().lower()
        if packed not in {"", "identity", "gzip", "x-gzip"}:
            raise ValueError(f"the answer is packed with {packed[:50]!r}, which was not asked for")
        self._most = most
        self._unpack = zlib.decompressobj(_GZIP) if packed.endswith("gzip") else None
        self._body = bytearray()

    def feed(self, part: bytes) -> None:
        """Raises `ValueError` past the limit, and for what is no gzip."""
        if self._unpack is not None:
            part = self._unpacked(self._unpack, part)
        if len(self._body) + len(part) > self._most:
            raise ValueError(f"the answer is larger than {self._most} bytes")
        self._body += part

    def _unpacked(self, unpack: zlib._Decompress, part: bytes) -> bytes:
        try:
            made = unpack.decompress(part, self._most - len(self._body) + 1)
        except zlib.error as error:
            raise ValueError(f"the answer is no gzip: {error}") from error
        if unpack.unused_data:
            raise ValueError("the answer goes on after the end of its gzip")
        return made

    def whole(self) -> bytes:
        """All of it. Raises `ValueError` where the end is missing."""
        if self._unpack is not None and not self._unpack.eof:
            raise ValueError("the answer is no gzip: its end is missing")
        return bytes(self._body)
