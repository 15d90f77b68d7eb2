"""Events as they are sent: encoded once, with the id that makes every retry safe."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict

import msgspec

from event_system.kernel.errors import InvalidEventError

NO_DATA: Final = msgspec.UNSET
"""The event has no data; None is JSON's null."""

_CLOUDEVENT_ONLY = ("datacontenttype", "dataschema", "extensions")


class EventMembers(TypedDict, total=False):
    """What an event may have besides its type and data.

    `time`: an aware datetime or RFC 3339. `extensions`: CloudEvents extension attributes,
    such as `traceparent`. `datacontenttype`: the media type of data that is no JSON; the data
    is then a string or bytes.
    """

    subject: str
    source: str
    id: str
    time: datetime | str
    datacontenttype: str
    dataschema: str
    extensions: Mapping[str, str | int | bool]


@dataclass(slots=True, eq=False)
class Draft:
    """An event on its way: `body` is one line of JSON."""

    id: str
    subject: str | None
    body: bytes


def draft(type: str, data: Any, members: EventMembers, defaults: EventMembers) -> Draft:
    """The draft of an event. `defaults` are for what `members` do not name.

    Raises `InvalidEventError` for what cannot be sent; all else the node checks.
    """
    named = {name: value for name, value in members.items() if value is not None}
    given: dict[str, Any] = {**defaults, **named}
    event = {"type": type} | {name: given[name] for name in _NAMES if name in given}
    if bytes_ := isinstance(data, bytes | bytearray | memoryview):
        event["data_base64"] = b64encode(data).decode()
    elif data is not NO_DATA:
        event["data"] = data
    if bytes_ or any(name in given for name in _CLOUDEVENT_ONLY):
        event = _cloudevent(event, given)
    return Draft(given["id"], given.get("subject"), encoded(event))


_NAMES = ("source", "subject", "id", "time")


def _cloudevent(event: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if "source" not in event:
        raise InvalidEventError(
            "an event with extensions, a schema or data that is no JSON needs a `source`",
            where="$.source",
        )
    content = {name: given[name] for name in ("datacontenttype", "dataschema") if name in given}
    extensions = given.get("extensions") or {}
    for name in extensions.keys() & (event.keys() | content.keys()):
        raise InvalidEventError("an extension has the name of an attribute", where=f"$.{name}")
    return {"specversion": "1.0", **event, **content, **extensions}


def encoded(event: Mapping[str, Any]) -> bytes:
    """One line of JSON. Raises `InvalidEventError` for what JSON cannot say."""
    try:
        return msgspec.json.encode(event).replace(b"\n", b" ")  # only between tokens of a `Raw`
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEventError(f"the event cannot be JSON: {error}", where="$.data") from error
