"""What `PUT /api/schedules/{name}` reads; the scheduling room decodes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)

from event_system.events.codec import JSON, MAX_NAME
from event_system.http.openapi.examples import SCHEDULE_DEFINITION, shown
from event_system.kernel.cron import MAX_EXPRESSION


def _text(description: str, longest: int) -> Schema:
    return Schema(
        type=OpenAPIType.STRING, description=description, min_length=1, max_length=longest
    )


def _moment(description: str) -> Schema:
    return Schema(
        type=[OpenAPIType.STRING, OpenAPIType.NULL],
        format=OpenAPIFormat.DATE_TIME,
        description=description,
    )


_EVENT: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="The event of each firing.",
    required=["type"],
    properties={
        "type": _text("Dotted segments: `guild.tax.due`.", 255),
        "source": _text("Where it comes from; `schedule` by default.", MAX_NAME),
        "subject": _text("What it is about.", MAX_NAME),
        "data": Schema(description="Any JSON value; it is stored as it came."),
    },
    additional_properties=False,
)
_SCHEDULE: Final = Schema(
    type=OpenAPIType.OBJECT,
    title="Schedule",
    required=["cron", "event"],
    properties={
        "cron": _text(
            "Minute, hour, day of the month, month, day of the week; a sixth field in front is "
            "seconds.",
            MAX_EXPRESSION,
        ),
        "time_zone": _text("IANA name, such as `Europe/Berlin`; `UTC` by default.", 100),
        "event": _EVENT,
        "jitter_seconds": Schema(
            type=OpenAPIType.INTEGER,
            minimum=0,
            maximum=3600,
            default=0,
            description="Each firing is later by up to this; the same for the same firing.",
        ),
        "catch_up": Schema(
            type=OpenAPIType.STRING,
            enum=["skip", "one", "all"],
            default="one",
            description="What becomes of missed firings; `all` are the newest 1,000.",
        ),
        "enabled": Schema(type=OpenAPIType.BOOLEAN, default=True),
        "start": _moment("It fires from then on, included."),
        "end": _moment("It fires until then, included."),
    },
    additional_properties=False,
)


@dataclass
class PutScheduleOperation(Operation):
    """The definition of a schedule."""

    def __post_init__(self) -> None:
        example = {"schedule": shown("schedule", "every day at four", SCHEDULE_DEFINITION)}
        content = OpenAPIMediaType(schema=_SCHEDULE, examples=dict(example))
        self.request_body = RequestBody(required=True, content={JSON: content})
