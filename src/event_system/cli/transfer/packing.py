"""Plain, gzip and zstd files: appended to in complete members, read as one stream."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
from pathlib import Path
from typing import IO, Final, Literal, Protocol, TypeAlias

import zstandard

from event_system.kernel.errors import TransferFileError

Packing: TypeAlias = Literal["plain", "gzip", "zstd"]
_SUFFIXES: Final[dict[str, Packing]] = {".gz": "gzip", ".zst": "zstd"}
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_STEP: Final = 1024
"""A block of zstd has four bytes at least and 128 KiB at most: a step makes no more than 32 MiB."""


def packing_of(path: Path) -> Packing:
    """What a file's name says."""
    return _SUFFIXES.get(path.suffix.lower(), "plain")


class _Member(Protocol):
    def write(self, data: bytes, /) -> int: ...

    def close(self) -> None: ...


class Writer:
    """Appends to a file after its first `size` bytes; what stood behind them is cut off.

    Raises `TransferFileError` where another command writes to the file, or it cannot be opened.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._packing = packing_of(path)
        self._member: _Member | None = None
        self.unsealed = 0
        try:
            self._file = path.open("r+b" if path.exists() else "xb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TransferFileError(f"{path}: another command writes to it") from error
        except OSError as error:
            raise TransferFileError(f"{path}: {error.strerror}") from error
        self._file.truncate(size)
        self._file.seek(size)

    def write(self, data: bytes) -> None:
        if self._member is None:
            self._member = _begin(self._packing, self._file)
        self._member.write(data)
        self.unsealed += len(data)

    def seal(self) -> int:
        """Make all that was written durable and complete; the file's size."""
        self._end()
        self._file.flush()
        os.fsync(self._file.fileno())
        self.unsealed = 0
        return self._file.tell()

    def _end(self) -> None:
        """Complete the member, so that the file is whole up to here."""
        if self._member is not None and self._member is not self._file:
            self._member.close()
        self._member = None

    def close(self) -> None:
        """Close the file as it is."""
        self._file.close()


def _begin(packing: Packing, file: IO[bytes]) -> _Member:
    if packing == "gzip":
        return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
    if packing == "zstd":
        return zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False)
    return file


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """The content of an open file, whatever its name: its first bytes tell."""
    source = io.BufferedReader(file, 65_536)  # type: ignore[type-var]  # a file is readable
    begin = source.peek(4)[:4]
    if begin.startswith(_GZIP_MAGIC):
        return io.BufferedReader(gzip.GzipFile(fileobj=source), 65_536)
    if begin == _ZSTD_MAGIC:
        return io.BufferedReader(_ZstdReader(source), 65_536)
    return source


class _ZstdReader(io.RawIOBase):
    """The content of all frames. A frame that is cut off raises `EOFError`, as gzip does."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__()
        self._source = source
        self._unpacker = zstandard.ZstdDecompressor()
        self._frame = self._unpacker.decompressobj()
        self._began = False
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._ready:
            if not self._packed:
                self._packed = self._source.read(_STEP)
            if not self._packed:
                if self._began:
                    raise EOFError("a frame is cut off")
                return 0
            self._unpack()
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _unpack(self) -> None:
        self._began = True
        self._ready = memoryview(self._frame.decompress(self._packed))
        self._packed = b""
        if self._frame.eof:
            self._packed = self._frame.unused_data
            self._frame = self._unpacker.decompressobj()
            self._began = False
