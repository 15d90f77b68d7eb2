"""The script that measures pages in browsers, and what it sends. Needs no key."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from event_system.http import views
from event_system.http.access import OPEN
from event_system.http.app import Services
from event_system.http.openapi.answers import OpenOperation, answers, page_answers
from event_system.http.openapi.beacon_body import BeaconOperation
from event_system.http.replies import json_reply, text_reply
from event_system.kernel.errors import (
    BeaconLimitError,
    BodyTooLargeError,
    ForeignOriginError,
    InvalidBeaconError,
    RumDisabledError,
    RumScriptMissingError,
    UnsupportedEncodingError,
)
from event_system.rum.beacon import MAX_BYTES
from event_system.rum.intake import BeaconIntake
from event_system.rum.script import script

_OPEN: Final = {OPEN: True}
_TAKEN: Final = {"status": "ok"}
_CACHED: Final = "public, max-age=3600"


@get(
    "/rum.js",
    opt=_OPEN,
    operation_class=OpenOperation,
    operation_id="rumScript",
    tags=["browsers"],
    summary="The script for web pages",
    description='Measures the page that has `<script async src="…/rum.js"></script>` in it.',
    responses=page_answers(
        *(str, "The script.", "text/javascript"), RumDisabledError, RumScriptMissingError
    ),
)
async def rum_script(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    body, tag = script(_intake(services).settings.sample)
    headers = {
        "etag": tag,
        "cache-control": _CACHED,
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers)
    return text_reply(body, "text/javascript", headers)


@post(
    "/rum",
    status_code=200,
    opt=_OPEN,
    operation_class=BeaconOperation,
    operation_id="rumBeacon",
    tags=["browsers"],
    summary="Tell of a page view",
    description=(
        "What `/rum.js` sends. Requests with `DNT: 1` or `Sec-GPC: 1` are counted and nothing of "
        "them."
    ),
    request_max_body_size=MAX_BYTES,
    responses=answers(
        views.Life,
        _TAKEN,
        RumDisabledError,
        InvalidBeaconError,
        ForeignOriginError,
        BeaconLimitError,
        BodyTooLargeError,
        UnsupportedEncodingError,
        keyed=False,
    ),
)
async def rum_beacon(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    intake = _intake(services)
    headers = dict(request.scope["headers"])
    address = request.client.host if request.client is not None else ""
    origin = intake.take(headers, address, await request.body())
    reply = json_reply(_TAKEN)
    if origin is not None:
        reply.headers |= {"access-control-allow-origin": origin, "vary": "origin"}
    return reply


def _intake(services: Services) -> BeaconIntake:
    if services.rum is None:
        raise RumDisabledError(where="rum.enabled")
    return services.rum


ROUTES = (rum_script, rum_beacon)
