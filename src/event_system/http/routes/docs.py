"""The API's description, for programs and for people. Needs no key."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency

from event_system.http.access import OPEN
from event_system.http.manual.manual import CONTENT_SECURITY_POLICY, Manual, style
from event_system.http.openapi.answers import OpenOperation, page_answers
from event_system.http.replies import text_reply

_OPEN: Final = {OPEN: True}
_PAGE_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "referrer-policy": "no-referrer",
}


@get(
    "/openapi.json",
    opt=_OPEN,
    operation_class=OpenOperation,
    operation_id="openapi",
    tags=["docs"],
    summary="This description as OpenAPI 3.1",
    responses=page_answers(dict[str, Any], "The document.", "application/json"),
)
async def openapi(manual: NamedDependency[Manual]) -> Response[bytes]:
    return text_reply(await manual.openapi(), "application/json", {})


@get(
    "/docs",
    opt=_OPEN,
    operation_class=OpenOperation,
    operation_id="docs",
    tags=["docs"],
    summary="This description as a page",
    responses=page_answers(str, "The page.", "text/html"),
)
async def overview(manual: NamedDependency[Manual]) -> Response[bytes]:
    return text_reply(await manual.overview(), "text/html", _PAGE_HEADERS)


@get(
    "/docs/errors",
    opt=_OPEN,
    operation_class=OpenOperation,
    operation_id="docsErrors",
    tags=["docs"],
    summary="All errors, by code",
    responses=page_answers(str, "The page.", "text/html"),
)
async def errors(manual: NamedDependency[Manual]) -> Response[bytes]:
    return text_reply(await manual.errors(), "text/html", _PAGE_HEADERS)


@get("/docs/style.css", opt=_OPEN, include_in_schema=False)
async def stylesheet() -> Response[bytes]:
    return text_reply(style(), "text/css", {})


ROUTES = (openapi, overview, errors, stylesheet)
