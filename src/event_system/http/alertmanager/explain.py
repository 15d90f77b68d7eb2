"""Our own routes beside Alertmanager's API: why an alert is told or not."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from event_system.alerting.explainer import by_fingerprint, explained, found
from event_system.alerting.explaining import Explanation
from event_system.alerting.labels import MAX_LABELS
from event_system.alerting.manager import AlertManager
from event_system.alerting.muting import QuietTime
from event_system.alerting.telling import LANGUAGES, sentences
from event_system.http.problems import MEDIA_TYPE, headers_of, problem_body
from event_system.http.replies import json_reply
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import EventSystemError, InvalidQueryError

AnyRequest = Request[Any, Any, Any]


def _problem(request: AnyRequest, error: EventSystemError) -> Response[bytes]:
    return Response(
        problem_body(error, instance=request.scope["path"]),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=headers_of(error),
    )


PROBLEMS: Final[Any] = {EventSystemError: _problem}
"""Errors of these routes are told as everywhere but in Alertmanager's API."""


@get("/api/alerts/explain", exception_handlers=PROBLEMS)
async def explain_labels(request: AnyRequest) -> Response[bytes]:
    manager = _manager(request)
    return _reply(explained(manager, found(manager, _labels(request))))


@get("/api/alerts/{fingerprint:str}/explain", exception_handlers=PROBLEMS)
async def explain_alert(request: AnyRequest, fingerprint: FromPath[str]) -> Response[bytes]:
    manager = _manager(request)
    return _reply(explained(manager, by_fingerprint(manager, fingerprint)))


def _manager(request: AnyRequest) -> AlertManager:
    manager: AlertManager = request.app.state.alerting().manager
    return manager


def _labels(request: AnyRequest) -> dict[str, str]:
    pairs = request.query_params.getall("label", [])
    if len(pairs) > MAX_LABELS:
        raise InvalidQueryError(f"there are over {MAX_LABELS} labels", where="label")
    labels = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InvalidQueryError(f"{pair[:80]!r} is no label: name=value", where="label")
        labels[name] = value
    return {name: value for name, value in labels.items() if value}


def _reply(of: Explanation) -> Response[bytes]:
    text = {language: sentences(of, language) for language in LANGUAGES}
    return json_reply({**shown(of), "text": text})


def shown(value: Any) -> Any:
    """A domain value as JSON: members that end in `us` are moments, told as RFC 3339."""
    if is_dataclass(value):
        found = {each.name: getattr(value, each.name) for each in fields(value)}
    elif isinstance(value, QuietTime):
        found = value._asdict()
    elif isinstance(value, msgspec.Struct):
        found = msgspec.structs.asdict(value)
    elif isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    else:
        return value
    return dict(_member(name, each) for name, each in found.items())


def _member(name: str, value: Any) -> tuple[str, Any]:
    if name == "us" or name.endswith("_us"):
        return f"{name.removesuffix('us')}at", None if value is None else rfc3339(value)
    return name, shown(value)


EXPLAINING: Final = (explain_labels, explain_alert)
