"""Drafts of events, read from bytes: the short form and CloudEvents 1.0 in its three modes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Meta

from event_system.events.event import is_json
from event_system.kernel.clock import FIRST_US, LAST_US, to_us
from event_system.kernel.errors import (
    InvalidEventError,
    MalformedBodyError,
    UnsupportedMediaTypeError,
)

MAX_ID, MAX_NAME = 300, 1024
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
MediaType = Annotated[str, Meta(max_length=MAX_NAME, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
Moment = Annotated[datetime, Meta(tz=True)]

JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
DELIVER_AT = "deliverat"
"""The extension attribute that is `deliver_at` in the short form."""
_UNSET = msgspec.Raw()


class Draft(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event as its sender gives it: the short form. `data` is JSON, kept as it came."""

    type: str
    source: Name | None = None
    subject: Name | None = None
    id: Id | None = None
    time: Moment | None = None
    data: msgspec.Raw = _UNSET
    deliver_at: Moment | None = None

    @property
    def body(self) -> bytes | None:
        """`data` as bytes; None where there is none."""
        return bytes(self.data) or None


class CloudEventDraft(Draft, kw_only=True, gc=False):
    """An event in a CloudEvents form: data of any type, and extension attributes."""

    id: Id
    source: Name
    content: bytes | None = None
    media_type: MediaType | None = None
    extensions: dict[str, Any] = {}

    @property
    def body(self) -> bytes | None:
        return self.content


_short = msgspec.json.Decoder(Draft)
_shorts = msgspec.json.Decoder(list[Draft])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder()


def decode_short(body: bytes) -> Draft:
    """The short form: the members of `Draft`, of which only `type` is needed.

    A body with a `specversion` is read as structured CloudEvents. Raises `MalformedBodyError`
    for what is no UTF-8 JSON, `InvalidEventError` with the path of a wrong member.
    """
    check_utf8(body)
    try:
        return _short.decode(body)
    except msgspec.ValidationError as error:
        if b'"specversion"' in body:
            return decode_structured(body)
        raise invalid(error) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(error) from error


def decode_structured(body: bytes) -> CloudEventDraft:
    """CloudEvents structured mode: one JSON object with all attributes."""
    check_utf8(body)
    try:
        members = _object.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(error) from error
    content = _structured_content(members)
    attributes = {name: _any.decode(raw) for name, raw in members.items()}
    return _cloudevent(attributes, content)


def _structured_content(members: dict[str, msgspec.Raw]) -> bytes | None:
    data, encoded = members.pop("data", None), members.pop("data_base64", None)
    if data is not None and encoded is not None:
        raise InvalidEventError("`data` and `data_base64` exclude each other", where="$.data")
    of_json = is_json(_media_type(members))
    if encoded is not None:
        return _base64(_any.decode(encoded), of_json=of_json)
    if data is None or of_json:
        return data if data is None else bytes(data)
    value = _any.decode(data)
    return value.encode() if isinstance(value, str) else bytes(data)


def _media_type(members: dict[str, msgspec.Raw]) -> str | None:
    try:
        return msgspec.json.decode(members.get("datacontenttype", b"null"), type=str | None)
    except msgspec.ValidationError as error:
        raise InvalidEventError(str(error), where="$.datacontenttype") from error


def _base64(value: Any, *, of_json: bool) -> bytes:
    try:
        content = base64.b64decode(value, validate=True)
        if of_json:
            check_json(content)
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidEventError(f"no base64: {error}", where="$.data_base64") from error
    except MalformedBodyError as error:
        detail = f"no JSON, as its `datacontenttype` would have it: {error.detail}"
        raise InvalidEventError(detail, where="$.data_base64") from error
    return content


def decode_binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> CloudEventDraft:
    """CloudEvents binary mode: attributes in `ce-` headers (lower case), data in the body."""
    attributes: dict[str, Any] = {}
    for name, value in headers:
        if name.startswith(b"ce-"):
            attributes[name[3:].decode("ascii", "replace")] = _header_text(value)
        elif name == b"content-type":
            attributes["datacontenttype"] = _header_text(value)
    if body and is_json(attributes.get("datacontenttype")):
        check_json(body)
    return _cloudevent(attributes, body or None)


def _header_text(value: bytes) -> str:
    """A header's text: percent-encoded UTF-8, as the HTTP binding prescribes."""
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise InvalidEventError("a ce- header holds no UTF-8") from error


def _cloudevent(attributes: dict[str, Any], content: bytes | None) -> CloudEventDraft:
    version = attributes.pop("specversion", None)
    if version != "1.0":
        raise InvalidEventError(f"specversion is {version!r}, not '1.0'", where="$.specversion")
    known = {k: attributes.pop(k) for k in _CORE if k in attributes}
    if DELIVER_AT in attributes:
        known["deliver_at"] = _moment(attributes[DELIVER_AT])
    media_type = attributes.pop("datacontenttype", None)
    _check_extensions(attributes)
    fields = {**known, "media_type": _plain_json_is_none(media_type), "extensions": attributes}
    try:
        draft = msgspec.convert(fields, CloudEventDraft)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    draft.content = content
    return draft


_CORE = ("type", "source", "subject", "id", "time")
_GIVEN = ("offset", "lane")


def _moment(text: Any) -> datetime:
    try:
        return msgspec.convert(text, Moment)
    except msgspec.ValidationError as error:
        where = f"$.{DELIVER_AT}"
        raise InvalidEventError("a moment is RFC 3339 with a zone", where=where) from error


def moment_us(moment: datetime) -> int:
    """Microseconds since 1970 of a sender's time. Raises `InvalidEventError`."""
    us = to_us(moment)
    if not FIRST_US <= us <= LAST_US:
        raise InvalidEventError("the time is outside of the years 1 to 9999 UTC", where="$.time")
    return us


def _plain_json_is_none(media_type: Any) -> Any:
    return None if media_type == JSON else media_type


def _check_extensions(attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        plain = name.isascii() and name.isalnum() and name == name.lower() and len(name) <= 64
        if not plain and name != "dataschema":
            raise InvalidEventError(
                "extension names have 1 to 64 lower-case letters and digits", where=f"$.{name}"
            )
        if name in _GIVEN:
            raise InvalidEventError("the node itself gives this attribute", where=f"$.{name}")
        if not isinstance(value, str | int | bool):
            raise InvalidEventError(
                "an extension is a string, an integer or a boolean", where=f"$.{name}"
            )


def decode_batch(media_type: str, body: bytes) -> list[Draft | InvalidEventError]:
    """The drafts of a batch in its order, a fault in the place of each that is wrong.

    `application/json` (array of either form), `application/cloudevents-batch+json`, NDJSON.
    Raises `MalformedBodyError` where the batch as a whole cannot be read.
    """
    if media_type in NDJSON:
        return [_either(line) for line in body.split(b"\n") if line.strip()]
    if media_type not in (JSON, BATCH):
        raise UnsupportedMediaTypeError(f"a batch cannot be {media_type or 'without a type'}")
    check_utf8(body)
    try:
        if media_type == JSON:
            return list(_shorts.decode(body))
    except (msgspec.ValidationError, RecursionError):
        pass  # one of them is wrong or of the other form: read them one by one
    except msgspec.DecodeError as error:
        raise malformed(error) from error
    try:
        return [_either(bytes(raw)) for raw in _raws.decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(error) from error


def _either(body: bytes) -> Draft | InvalidEventError:
    try:
        return decode_short(body)
    except InvalidEventError as error:
        return error


def check_utf8(body: bytes) -> None:
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise MalformedBodyError(f"byte {error.start} is no UTF-8") from error


def check_json(body: bytes) -> None:
    """Raise `MalformedBodyError` unless the bytes are one JSON value."""
    check_utf8(body)
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(error) from error


def malformed(error: msgspec.DecodeError | RecursionError) -> MalformedBodyError:
    deep = isinstance(error, RecursionError)
    return MalformedBodyError("nested too deeply" if deep else str(error))


def invalid(error: msgspec.ValidationError) -> InvalidEventError:
    """A msgspec fault as ours; msgspec ends its message with the path."""
    text, _, path = str(error).partition(" - at ")
    return InvalidEventError(text, where=path.strip("`") or "$")
