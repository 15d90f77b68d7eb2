"""The OpenAPI 3.1 document of the application, made from its routes when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Server, Tag

TITLE: Final = "event-system"
_DESCRIPTION: Final = (
    "An event platform: what is accepted is durable, listeners handle it in order, and all of "
    "it can be looked up and followed. Times are RFC 3339 in UTC. Every error is "
    "`application/problem+json` (RFC 9457) with a stable `code`."
)
_TAGS: Final = [
    Tag(name="events", description="Trigger events, look at them, follow them."),
    Tag(name="scheduled", description="Events that wait for their time."),
    Tag(name="incidents", description="What people do about alerts, until it is over and after."),
    Tag(name="schedules", description="Events that are fired by the clock, again and again."),
    Tag(name="listeners", description="What handles events, and how far it is."),
    Tag(name="replays", description="Stored events, shown to a listener again."),
    Tag(name="dead letters", description="What failed for good: tried again, or discarded."),
    Tag(name="types", description="The catalogue of event types and their schemas."),
    Tag(name="cache", description="What listeners have looked up, and keep."),
    Tag(name="cluster", description="The nodes on one database, and what each of them has."),
    Tag(name="on-call", description="Who answers now, who is next, and who stands in."),
    Tag(name="browsers", description="What visitors of web pages experience. Needs no key."),
    Tag(name="health", description="How the node is. Needs no key."),
    Tag(name="docs", description="This description. Needs no key."),
]
_SCHEMES: Final[dict[str, Any]] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", description="`Bearer esk_…`"),
    "key": SecurityScheme(
        type="apiKey", name="X-API-Key", security_scheme_in="header", description="`esk_…`"
    ),
}


def document(
    routes: Sequence[HTTPRouteHandler], dependencies: Mapping[str, Provide], version: str
) -> dict[str, Any]:
    """The document of these routes; about a quarter of a second of work."""
    config = OpenAPIConfig(
        title=TITLE,
        version=version,
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=_TAGS,
        components=Components(security_schemes=_SCHEMES),
        security=[{"bearer": []}, {"key": []}, {}],
        servers=[Server(url="/", description="This node")],
        render_plugins=[JsonRenderPlugin()],
    )
    app = Litestar(
        list(routes),
        dependencies=dependencies,
        openapi_config=config,
        logging_config=None,
    )
    made = {name: _mended(value) for name, value in app.openapi_schema.to_schema().items()}
    for item in made["paths"].values():
        for operation in item.values():
            _tell_body(operation.get("requestBody", {}))
    return made


def _tell_body(body: dict[str, Any]) -> None:
    """Put a body's examples beside its schema; one that may be null may be left out."""
    for content in body.get("content", {}).values():
        schema = content.get("schema", {})
        if examples := schema.pop("examples", None):
            content["examples"] = {
                f"example-{n}": {"value": value} for n, value in enumerate(examples, 1)
            }
        if {"type": "null"} in schema.get("oneOf", ()):
            body["required"] = False


def _mended(node: Any) -> Any:
    """Without the `id` that the framework leaves in examples, where it may not stand."""
    if isinstance(node, list):
        return [_mended(each) for each in node]
    if not isinstance(node, dict):
        return node
    mended = {key: _mended(value) for key, value in node.items()}
    if isinstance(mended.get("value"), msgspec.Raw):
        mended.pop("id", None)
    return mended
