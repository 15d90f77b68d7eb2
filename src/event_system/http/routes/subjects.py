"""Where a subject stands: what a sender names in its next precondition."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter

from event_system.http import views
from event_system.http.app import Services
from event_system.http.openapi.answers import UNREADABLE, answers
from event_system.http.openapi.examples import SUBJECT
from event_system.http.query import rest_of_path
from event_system.http.replies import json_reply

_SUBJECTS = b"/api/subjects/"


@get(
    "/api/subjects/{subject:path}",
    operation_id="getSubject",
    tags=["events"],
    summary="Look where a subject stands",
    description=(
        "The offset of its last stored event, 0 where it has none; `ETag` says the same, as "
        "`If-Match` takes it."
    ),
    responses=answers(views.Subject, SUBJECT, *UNREADABLE),
)
async def get_subject(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    subject: Annotated[str, PathParameter(description="The subject, percent-encoded.")],
) -> Response[bytes]:
    name = rest_of_path(request.scope["raw_path"], _SUBJECTS)
    last = await services.log.last_of(name)
    answer = json_reply({"subject": name, "last_offset": last})
    answer.headers["etag"] = f'"{last}"'
    return answer


ROUTES = (get_subject,)
