"""What the routes of on-call take beside JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from event_system.http.openapi.examples import shown
from event_system.http.openapi.on_call_examples import FEED
from event_system.oncall.ical.writing import MEDIA_TYPE

_TEXT: Final = Schema(type=OpenAPIType.STRING, description="An iCalendar text (RFC 5545).")


@dataclass
class FeedOperation(Operation):
    """A feed, whose address has a token in it instead of a key in a header."""

    def __post_init__(self) -> None:
        token = Parameter(
            name="token",
            param_in="query",
            schema=Schema(type=OpenAPIType.STRING, pattern="^[0-9a-f]{32}$"),
            description="As the list of schedules, or of people, shows it.",
        )
        self.parameters = [*(self.parameters or []), token]


@dataclass
class ImportOperation(Operation):
    """A calendar that is read."""

    def __post_init__(self) -> None:
        example = {"calendar": shown("calendar", "a shift", FEED)}
        content = {MEDIA_TYPE: OpenAPIMediaType(schema=_TEXT, examples=dict(example))}
        self.request_body = RequestBody(required=True, content=content)
