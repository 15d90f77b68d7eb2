"""What `/rum.js` sends, described; `rum/beacon.py` reads it."""

from __future__ import annotations

from typing import Any, Final

from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    RequestBody,
    Schema,
)

from event_system.http.openapi.answers import OpenOperation
from event_system.http.openapi.examples import shown
from event_system.rum.beacon import MEASURES

_BEACON: Final[dict[str, Any]] = {
    "page": "/shop/42",
    "view": True,
    "entry": True,
    "dwell_s": 12.5,
    "load_ms": 900,
    "lcp_ms": 1200,
    "cls": 0.02,
    "errors": {"script": 1},
    "features": {"chat": 2},
}
_MEANINGS: Final = {
    "load": "Until the page was loaded.",
    "fcp": "First contentful paint.",
    "lcp": "Largest contentful paint.",
    "inp": "Interaction to next paint.",
    "fid": "First input delay.",
}
_FLAG: Final = OpenAPIType.BOOLEAN


def _number(description: str, most: int) -> Schema:
    return Schema(type=OpenAPIType.NUMBER, description=description, minimum=0, maximum=most)


def _counts(description: str) -> Schema:
    times = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=1000)
    return Schema(type=OpenAPIType.OBJECT, description=description, additional_properties=times)


def _page(description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, description=description, min_length=1, max_length=512)


_FORM: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="Sent as `text/plain` it needs no preflight; the content type is not looked at.",
    required=["page"],
    properties={
        "page": _page("Path of the page."),
        "view": Schema(
            type=_FLAG, description="A page view; else what happened after it was told."
        ),
        "entry": Schema(type=_FLAG, description="The view begins a visit."),
        "continued": _page("The view is the second one of a visit that began on this page."),
        "dwell_s": _number("Seconds until the page was left or hidden.", 86_400),
        **{f"{name}_ms": _number(_MEANINGS[name], 600_000) for name in MEASURES},
        "cls": _number("Cumulative layout shift.", 100),
        "errors": _counts("Errors by kind: `script`, `promise`, `resource`."),
        "features": _counts("Uses by the feature's name."),
        "goals": _counts("Conversions by the goal's name."),
    },
)


class BeaconOperation(OpenOperation):
    """`POST /rum`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        example: Example = shown("view", "a page view", _BEACON)
        content = OpenAPIMediaType(schema=_FORM, examples={"view": example})
        self.request_body = RequestBody(content={"application/json": content}, required=True)
