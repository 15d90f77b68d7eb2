"""The lines of an import, and what becomes of one: an event that can be stored twice harmlessly."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any, Final

import msgspec
import zstandard

from event_system.client.drafts import Draft
from event_system.kernel.errors import (
    EventSystemError,
    EventTooLargeError,
    InvalidEventError,
    MalformedBodyError,
    TransferFileError,
)

LONGEST_LINE: Final = 16 * 1024 * 1024
CHUNK_LINES: Final = 500
CHUNK_BYTES: Final = 1_048_576
_OF_AN_EXPORT: Final = ("offset", "lane", "received_at")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not empty; `end` is where it ends. `text` is cut where it is too long."""

    number: int
    end: int
    text: bytes
    too_long: bool = False


class LineReader:
    """Reads lines in chunks, in bounded memory. `end` is the place in the unpacked file."""

    def __init__(
        self,
        source: IO[bytes],
        *,
        longest: int = LONGEST_LINE,
        chunk_lines: int = CHUNK_LINES,
    ) -> None:
        self._source = source
        self._longest = longest
        self._chunk_lines = chunk_lines
        self.number = 0
        self.end = 0

    def skip(self, number: int, end: int) -> None:
        """Go on after a line that was read before. Raises `TransferFileError` where it ends elsewhere."""
        part = b"\n"
        while self.end < end and part:
            part = self._read(min(CHUNK_BYTES, end - self.end))
            self.end += len(part)
        if not part.endswith(b"\n"):
            raise TransferFileError(f"the file has changed: line {number} ended at byte {end}")
        self.number = number

    def _read(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def chunk(self) -> list[Line]:
        """The next lines; none at the end. Raises `TransferFileError` where it is damaged."""
        lines: list[Line] = []
        size = 0
        while len(lines) < self._chunk_lines and size < CHUNK_BYTES:
            line = self._line()
            if line is None:
                break
            if line.text.strip():
                lines.append(line)
                size += len(line.text)
        return lines

    def _line(self) -> Line | None:
        try:
            text = self._source.readline(self._longest + 1)
            if not text:
                return None
            self.number += 1
            self.end += len(text)
            too_long = len(text) > self._longest and not text.endswith(b"\n")
            if too_long:
                self._pass_over()
        except _DAMAGE as error:
            raise self._damaged(error) from error
        return Line(self.number, self.end, text[:200] if too_long else text.rstrip(), too_long)

    def _pass_over(self) -> None:
        while part := self._source.readline(CHUNK_BYTES):
            self.end += len(part)
            if part.endswith(b"\n"):
                return

    def _damaged(self, error: Exception) -> TransferFileError:
        return TransferFileError(f"the file is damaged after line {self.number}: {error}")


_DAMAGE = (OSError, EOFError, zlib.error, zstandard.ZstdError)


@dataclass(frozen=True, slots=True)
class Naming:
    """What events get that lack it: `source`, and an id by the import's `name` and their line."""

    name: str
    source: str | None = None

    def draft(self, line: Line) -> Draft:
        """The line's event. Raises `InvalidEventError` where it is none."""
        if line.too_long:
            raise EventTooLargeError("the line is longer than any event may be")
        members = _members(line.text)
        for name in _OF_AN_EXPORT:
            members.pop(name, None)
        id_ = self._id(members, line)
        if self.source is not None and not _given(members, "source"):
            members["source"] = msgspec.Raw(msgspec.json.encode(self.source))
        return Draft(id_, None, msgspec.json.encode(members).replace(b"\n", b" "))

    def _id(self, members: dict[str, msgspec.Raw], line: Line) -> str:
        if _given(members, "id"):
            id_ = _decoded(members["id"])
            if not isinstance(id_, str):
                raise InvalidEventError("`id` is no string", where="$.id")
            return id_
        made = sha256(b"%b\n%d\n%b" % (self.name.encode(), line.number, line.text))
        members["id"] = msgspec.Raw(b'"%b"' % made.hexdigest()[:32].encode())
        return made.hexdigest()[:32]


def _members(text: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _object.decode(text)
    except msgspec.ValidationError as error:
        raise InvalidEventError("the line is no JSON object", where="$") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBodyError(str(error)) from error


def _given(members: dict[str, msgspec.Raw], name: str) -> bool:
    return name in members and bytes(members[name]).strip() != b"null"


def _decoded(raw: msgspec.Raw) -> Any:
    try:
        return _any.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBodyError(str(error)) from error


def reject(line: Line, error: EventSystemError) -> bytes:
    """A line of the file of rejected lines."""
    told = {
        "line": line.number,
        "code": error.code,
        "detail": error.detail,
        "where": error.where,
        "text": line.text.decode("utf-8", "replace"),
    }
    return msgspec.json.encode(told) + b"\n"
