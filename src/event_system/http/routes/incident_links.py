"""What the signed links of notifications open: a page with a button. Needs no key.

Only POST acts: programs that look at a link before people do (previews, scanners) change nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from event_system.http.access import OPEN
from event_system.http.app import Services
from event_system.http.incident_page import (
    HEADERS,
    asking_page,
    done_page,
    error_page,
    language_of,
)
from event_system.http.problems import headers_of
from event_system.http.query import segment_of_path
from event_system.http.relay import MARK, visitor
from event_system.http.replies import text_reply
from event_system.http.routes.incidents import manager_of
from event_system.incidents.manager import IncidentManager
from event_system.incidents.wording import Language
from event_system.kernel.errors import EventSystemError

_LINKS: Final = b"/i/"
_OPEN: Final = {OPEN: True}
MAX_FORM: Final = 1_024
AnyRequest: TypeAlias = "Request[Any, Any, Any]"
Token: TypeAlias = Annotated[str, PathParameter(description="What the link was signed for.")]


def _language(request: AnyRequest) -> Language:
    return language_of(request.headers.get("accept-language", ""))


def _page(text: str) -> Response[bytes]:
    return text_reply(text, "text/html", HEADERS)


def _failed(error: EventSystemError, language: Language) -> Response[bytes]:
    page = error_page(error.code, error.detail, language)
    reply = text_reply(page, "text/html", {**headers_of(error), **HEADERS})
    reply.status_code = error.status
    return reply


def _token(request: AnyRequest) -> str:
    return segment_of_path(request.scope["raw_path"], _LINKS)


def _visit(manager: IncidentManager, request: AnyRequest) -> None:
    """Raises `LinkLimitError`."""
    peer, passed_for = visitor(request.scope), request.headers.get(MARK.decode())
    if passed_for is None:
        manager.visit(peer)
    else:
        manager.visit(passed_for, by=peer)


@get("/i/{token:str}", opt=_OPEN, include_in_schema=False)
async def look_at_link(
    request: AnyRequest, services: NamedDependency[Services], token: Token
) -> Response[bytes]:
    language = _language(request)
    try:
        manager = manager_of(services)
        _visit(manager, request)
        grant, incident, is_used = manager.look_at_link(_token(request))
    except EventSystemError as error:
        return _failed(error, language)
    return _page(asking_page(incident, grant.action, grant.who, language, is_used=is_used))


@post(
    "/i/{token:str}",
    status_code=200,
    opt=_OPEN,
    include_in_schema=False,
    request_max_body_size=MAX_FORM,
)
async def use_link(
    request: AnyRequest, services: NamedDependency[Services], token: Token
) -> Response[bytes]:
    language = _language(request)
    try:
        manager = manager_of(services)
        _visit(manager, request)
        grant = manager.look_at_link(_token(request))[0]
        incident = await manager.act_by_link(_token(request))
    except EventSystemError as error:
        return _failed(error, language)
    return _page(done_page(incident, grant.action, grant.who, language))


ROUTES = (look_at_link, use_link)
