"""What the intake routes read.

Their bodies are decoded by the event core, not the framework, so that a stored body is the
received one; here they are described.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from event_system.events.codec import BATCH, JSON, MAX_ID, MAX_NAME, STRUCTURED
from event_system.http.openapi import examples, forms

_NDJSON: Final = "application/x-ndjson"


def _text(description: str, longest: int, form: str = forms.NAME) -> Schema:
    return Schema(
        type=OpenAPIType.STRING,
        description=description,
        min_length=1,
        max_length=longest,
        pattern=form,
    )


def _plain(description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, description=description)


_TIME: Final = Schema(
    type=OpenAPIType.STRING,
    format=OpenAPIFormat.DATE_TIME,
    description="When it happened: RFC 3339 with a zone; by default when it is accepted.",
)
_DELIVER_AT: Final = Schema(
    type=OpenAPIType.STRING,
    format=OpenAPIFormat.DATE_TIME,
    description="When it is to happen, up to 366 days ahead; it waits until then.",
)
_TYPE: Final = _text("Dotted segments: `player.level_up`.", 255, forms.EVENT_TYPE)
_ANY: Final = Schema(description="Any JSON value; it is stored as it came.")
_SHORT: Final = Schema(
    type=OpenAPIType.OBJECT,
    title="Short form",
    description="Only `type` is needed; unknown members are refused.",
    required=["type"],
    properties={
        "type": _TYPE,
        "source": _text("Where it comes from; by default the key's name.", MAX_NAME),
        "subject": _text("What it is about; events of one subject keep their order.", MAX_NAME),
        "id": _text("Unique within its source; by default the node makes one.", MAX_ID),
        "time": _TIME,
        "deliver_at": _DELIVER_AT,
        "data": _ANY,
    },
    additional_properties=False,
)
_CLOUDEVENT: Final = Schema(
    type=OpenAPIType.OBJECT,
    title="CloudEvents 1.0, structured mode",
    description="Other members are extension attributes: strings, integers or booleans.",
    required=["specversion", "id", "source", "type"],
    properties={
        "specversion": Schema(type=OpenAPIType.STRING, const="1.0"),
        "id": _text("Unique within its source.", MAX_ID),
        "source": _text("Where it comes from.", MAX_NAME),
        "type": _TYPE,
        "subject": _text("What it is about.", MAX_NAME),
        "time": _TIME,
        "deliverat": _DELIVER_AT,
        "datacontenttype": _plain("Media type of the data; JSON by default."),
        "dataschema": _plain("Address of the data's schema."),
        "data": _ANY,
        "data_base64": Schema(
            type=OpenAPIType.STRING,
            content_encoding="base64",
            pattern=forms.BASE64,
            description="Binary data in base64, instead of `data`.",
        ),
    },
    property_names=Schema(pattern=forms.MEMBER),
    additional_properties=Schema(
        type=[OpenAPIType.STRING, OpenAPIType.INTEGER, OpenAPIType.BOOLEAN]
    ),
    schema_not=Schema(required=["data", "data_base64"]),
)
_EITHER: Final = Schema(any_of=[_SHORT, _CLOUDEVENT])
_BINARY: Final = Schema(
    title="CloudEvents 1.0, binary mode",
    description="The data itself, of any type; the attributes are in `ce-` headers.",
)


def _content(schema: Schema, **shown: Any) -> OpenAPIMediaType:
    named = {name: examples.shown(name, name, value) for name, value in shown.items()}
    return OpenAPIMediaType(schema=schema, examples=dict(named) or None)


def _array(of: Schema) -> Schema:
    return Schema(type=OpenAPIType.ARRAY, items=of)


@dataclass
class TriggerOperation(Operation):
    """The trigger's body in its three forms."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            required=True,
            description="One event: the short form, or CloudEvents structured or binary mode.",
            content={
                JSON: _content(_EITHER, short=examples.SHORT, structured=examples.STRUCTURED),
                STRUCTURED: _content(_CLOUDEVENT, structured=examples.STRUCTURED),
                "*/*": _content(_BINARY),
            },
        )
        self.parameters = [
            *(self.parameters or []),
            *(_KEY, _MATCH, _NONE_MATCH),
            *(*_binary_headers(), _TRACEPARENT),
        ]


@dataclass
class BatchOperation(Operation):
    """The batch's body in its three forms, and what to do with faulty events."""

    def __post_init__(self) -> None:
        both = [examples.SHORT, examples.STRUCTURED]
        lines = Schema(type=OpenAPIType.STRING, description="One event a line, in either form.")
        self.request_body = RequestBody(
            required=True,
            description="Up to `event.max_batch_events` events.",
            content={
                JSON: _content(_array(_EITHER), array=both),
                BATCH: _content(_array(_CLOUDEVENT), cloudevents=[examples.STRUCTURED]),
                _NDJSON: _content(lines, lines=examples.NDJSON),
            },
        )
        self.parameters = [*(self.parameters or []), _PARTIAL, _KEY, _TRACEPARENT]


def _header(name: str, description: str, **form: Any) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING, **form)
    return Parameter(name=name, param_in="header", schema=schema, description=description)


def _binary_headers() -> list[Parameter]:
    told = "CloudEvents binary mode: "
    return [
        _header("ce-specversion", told + "`1.0`; all others count only beside it.", const="1.0"),
        _header("ce-id", told + "the event's id.", min_length=1),
        _header("ce-source", told + "its source.", min_length=1),
        _header("ce-type", told + "its type.", pattern=forms.EVENT_TYPE),
        _header(
            "ce-subject", told + "its subject; `ce-<name>` is any other attribute.", min_length=1
        ),
    ]


_TRACEPARENT: Final = _header("traceparent", "W3C trace context; stored with the event.")
_KEY: Final = _header(
    "Idempotency-Key",
    "Makes the ids of events that have none: the request can be sent again, and is stored once. "
    "1 to 255 printable ASCII characters, plain or in double quotes.",
    pattern=forms.IDEMPOTENCY_KEY,
)
_MATCH: Final = _header(
    "If-Match",
    "Offset of the subject's last event, in double quotes: the event is stored only where that is "
    "still so; 0 is no event.",
    pattern=forms.OFFSET_TAG,
)
_NONE_MATCH: Final = _header(
    "If-None-Match", "`*`: the event is stored only as its subject's first one.", const="*"
)
_PARTIAL: Final = Parameter(
    name="partial",
    param_in="query",
    schema=Schema(type=OpenAPIType.BOOLEAN, default=False),
    description="Store the valid events and list the others in `faults`.",
)
