"""The stored event, as listeners and readers see it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count, islice
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import astuple

from event_system.kernel.clock import rfc3339, to_datetime

Row: TypeAlias = tuple[
    int,  # id_key
    int | None,  # subject_key
    int,  # type_key
    int,  # source_key
    int,  # lane
    str,  # type
    str,  # source
    str,  # id
    str | None,  # subject
    int,  # time_us
    int,  # received_us
    str | None,  # media_type; null is application/json
    str | None,  # traceparent
    bytes | None,  # extensions, a JSON object
    bytes | None,  # data
]
"""An admitted event before it has an offset: the columns of the log in their order.

Search keys come first and data last, so that a scan by key never touches the data.
"""

KEY_COLUMNS = 4
"""How many of a row's first columns are search keys; the others are the event's."""

_decode = msgspec.json.Decoder().decode


class Event(msgspec.Struct, gc=False, eq=False):
    """A CloudEvents 1.0 event with its place in the log. Treat it as read-only.

    `raw` is `data` as it was received; `data` decodes it on first use. `offset` is the
    position in the log, `lane` the ordered sub-stream of the event's subject. Times are
    aware UTC datetimes (`time` as the sender says, `received_at` when it was accepted).
    Events are equal when all that is stored of them is.
    """

    offset: int
    lane: int
    type: str
    source: str
    id: str
    subject: str | None
    time_us: int
    received_us: int
    media_type: str | None
    traceparent: str | None
    extension_json: bytes | None
    raw: bytes | None
    decoded: Any = msgspec.UNSET

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return astuple(self)[:-1] == astuple(other)[:-1]  # whether it was decoded is no part

    def __hash__(self) -> int:
        return hash((self.offset, self.id))

    @property
    def data(self) -> Any:
        """The decoded JSON, the text or the bytes of the event; None where it has no data."""
        if self.decoded is msgspec.UNSET:
            self.decoded = self._decoded()
        return self.decoded

    def _decoded(self) -> Any:
        if self.raw is None:
            return None
        if is_json(self.media_type):
            return read_json(self.raw)
        return _text(self.raw) if is_text(self.media_type) else self.raw

    @property
    def extensions(self) -> dict[str, Any]:
        """CloudEvents extension attributes, `dataschema` included."""
        return _decode(self.extension_json) if self.extension_json else {}

    @property
    def time(self) -> datetime:
        return to_datetime(self.time_us)

    @property
    def received_at(self) -> datetime:
        return to_datetime(self.received_us)


def read_json(raw: bytes) -> Any:
    """JSON as msgspec reads it, or else as the standard library does.

    That one takes numbers beyond a float, which are infinite then, as admission lets them by.
    Of a member that is named twice both take the last.
    """
    try:
        return _decode(raw)
    except msgspec.DecodeError:
        return json.loads(raw)


def bytes_of(events: Iterable[Event]) -> int:
    """The bytes of their data."""
    return sum([len(event.raw) for event in events if event.raw is not None])


def event_of(offset: int, row: Row) -> Event:
    """The event of an admitted row at its offset."""
    return Event(offset, *row[KEY_COLUMNS:])  # type: ignore[arg-type]  # slices lose the types


def events_of(first: int, rows: Sequence[Row]) -> list[Event]:
    """The events of rows that stand in the log one after the other, from offset `first` on."""
    return list(map(Event, count(first), *islice(zip(*rows, strict=True), KEY_COLUMNS, None)))


def is_json(media_type: str | None) -> bool:
    """Whether data of this type is JSON (no type means application/json)."""
    if media_type is None:
        return True
    plain = media_type.partition(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")


def is_text(media_type: str | None) -> bool:
    return media_type is not None and media_type.lower().startswith("text/")


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def cloudevent(event: Event) -> dict[str, Any]:
    """The event in CloudEvents JSON form, with the attributes that the platform adds.

    Added are `offset`, `received_at` and `lane`; `data` stays undecoded JSON where it is JSON.
    """
    out: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
    }
    if event.subject is not None:
        out["subject"] = event.subject
    out |= {"time": rfc3339(event.time_us), "received_at": rfc3339(event.received_us)}
    out |= {"offset": event.offset, "lane": event.lane}
    if event.traceparent is not None:
        out["traceparent"] = event.traceparent
    return out | event.extensions | _data_members(event)


def _data_members(event: Event) -> dict[str, Any]:
    if event.raw is None:
        return {}
    if is_json(event.media_type):
        content = {"datacontenttype": event.media_type} if event.media_type else {}
        return {**content, "data": msgspec.Raw(event.raw)}
    text = event.data if is_text(event.media_type) else None
    body = {"data": text} if isinstance(text, str) else {"data_base64": event.raw}
    return {"datacontenttype": event.media_type, **body}
