"""What paths and query parameters mean: names, moments, cursors, chosen attributes."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote_to_bytes
from zlib import crc32

import msgspec

from event_system.kernel.clock import to_us
from event_system.kernel.errors import InvalidQueryError

_UNIT_US: Final = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_RELATIVE = re.compile(r"-(\d{1,9})(ms|s|m|h|d)")
_LOST_PLUS = re.compile(r"(.*T.*) (\d\d:\d\d)")

ATTRIBUTES: Final = (
    *("specversion", "id", "source", "type", "subject", "time", "received_at", "offset", "lane"),
    *("traceparent", "datacontenttype", "dataschema", "data"),
)
_OFFSET_DIGITS = 19
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_encode = msgspec.json.Encoder().encode
_decode_place = msgspec.json.Decoder(tuple[int, _Number, _Number, str]).decode
EXTENSIONS: Final = "extensions"
_KNOWN = frozenset((*ATTRIBUTES, "data_base64"))


def segment_of_path(raw_path: bytes, prefix: bytes) -> str:
    """The one segment that follows `prefix`; a slash in it is percent-encoded."""
    rest = raw_path.partition(prefix)[2].partition(b"/")[0]
    return unquote_to_bytes(rest).decode("utf-8", "replace")


def rest_of_path(raw_path: bytes, prefix: bytes) -> str:
    """What follows `prefix` in the path as the client wrote it, slashes and all."""
    return unquote_to_bytes(raw_path.partition(prefix)[2]).decode("utf-8", "replace")


def moment_us(text: str | None, name: str, now_us: int) -> int | None:
    """Microseconds of RFC 3339, of `now`, or of a time ago such as `-15m`.

    Units are ms, s, m, h and d. Raises `InvalidQueryError`, `where` being `name`.
    """
    if text is None:
        return None
    if text == "now":
        return now_us
    if ago := _RELATIVE.fullmatch(text):
        return max(0, now_us - int(ago[1]) * _UNIT_US[ago[2]])
    return _absolute_us(_LOST_PLUS.sub(r"\1+\2", text), name)


def _absolute_us(text: str, name: str) -> int:
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidQueryError(
            f"{text[:80]!r} is no moment: give RFC 3339 with a zone "
            "(2026-11-21T12:00:00Z), `now`, or a time ago such as -15m",
            where=name,
        )
    return max(0, to_us(moment))


class Cursors:
    """Cursors of one query: opaque outside, an offset inside, useless for another query."""

    def __init__(self, *query: str | None) -> None:
        self._mark = crc32(msgspec.json.encode(query))

    def encode(self, offset: int | None) -> str | None:
        if offset is None:
            return None
        return urlsafe_b64encode(b"%d.%08x" % (offset, self._mark)).decode().rstrip("=")

    def decode(self, cursor: str | None) -> int | None:
        """The offset. Raises `InvalidQueryError` for what `encode` did not make."""
        if cursor is None:
            return None
        offset, _, mark = _plain(cursor).partition(b".")
        if not offset.isdigit() or len(offset) > _OFFSET_DIGITS:
            raise InvalidQueryError("this is no cursor; take `next` of a page", where="cursor")
        if mark != b"%08x" % self._mark:
            raise InvalidQueryError(
                "this cursor belongs to another query; keep all other parameters as they were",
                where="cursor",
            )
        return int(offset)


class PlaceCursors:
    """As `Cursors`; inside is a place in a list: (time, offset, listener)."""

    def __init__(self, *query: str | None) -> None:
        self._mark = crc32(msgspec.json.encode(query))

    def encode(self, place: tuple[int, int, str] | None) -> str | None:
        if place is None:
            return None
        return urlsafe_b64encode(_encode((self._mark, *place))).decode().rstrip("=")

    def decode(self, cursor: str | None) -> tuple[int, int, str] | None:
        """The place. Raises `InvalidQueryError` for what `encode` did not make."""
        if cursor is None:
            return None
        try:
            mark, at_us, offset, listener = _decode_place(_plain(cursor))
        except (msgspec.DecodeError, UnicodeDecodeError):
            mark, at_us, offset, listener = -1, 0, 0, ""
        if mark != self._mark:
            raise InvalidQueryError(
                "this is no cursor of this query; take `next` of a page, and keep all other "
                "parameters as they were",
                where="cursor",
            )
        return at_us, offset, listener


def _plain(cursor: str) -> bytes:
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        return b""


def parse_fields(text: str | None) -> frozenset[str] | None:
    """The attributes that are wanted; None for all.

    `data` brings `data_base64` where the data is binary, `extensions` all extension
    attributes. Raises `InvalidQueryError` with the name of an unknown one.
    """
    if text is None:
        return None
    names = frozenset(name.strip() for name in text.split(","))
    for name in sorted(names - _KNOWN - {EXTENSIONS}):
        known = ", ".join((*ATTRIBUTES, EXTENSIONS))
        raise InvalidQueryError(f"no attribute {name[:80]!r}; known are {known}", where="fields")
    return names | {"data_base64"} if "data" in names else names


def select(attributes: Mapping[str, Any], fields: frozenset[str] | None) -> dict[str, Any]:
    """The wanted attributes of an event in CloudEvents form, in their order."""
    if fields is None:
        return dict(attributes)
    others = EXTENSIONS in fields
    return {
        name: value
        for name, value in attributes.items()
        if name in fields or (others and name not in _KNOWN)
    }
