"""Whatever goes wrong in the application becomes one problem answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args, get_origin

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from event_system.http.problems import MEDIA_TYPE, problem_body, problem_headers, trace_id_of
from event_system.kernel.errors import (
    BodyTooLargeError,
    EventSystemError,
    InvalidQueryError,
    InvalidRequestError,
    MalformedRequestError,
    MethodNotAllowedError,
    RouteNotFoundError,
)
from event_system.logs.context import bind_trace

AnyRequest: TypeAlias = "Request[Any, Any, Any]"
Handler: TypeAlias = Callable[[AnyRequest, Any], Response[bytes]]

_BY_STATUS: Mapping[int, type[EventSystemError]] = {
    404: RouteNotFoundError,
    405: MethodNotAllowedError,
    413: BodyTooLargeError,
}
_CLIENT_ERRORS = range(400, 500)
_BODY = "data"
"""The framework's name for the whole body."""
_NONE = repr(_BODY)
"""What the framework says where there is no body."""
_NO_SPAN = "0" * 16
_log = logging.getLogger(__name__)


def handlers(new_trace_id: Callable[[], str]) -> dict[int | type[Exception], Handler]:
    """The exception handlers of the application; `Exception` catches all that is left."""

    def unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
        trace_id = trace_id_of(dict(request.scope["headers"]))
        if trace_id is None:
            trace_id = new_trace_id()
            bind_trace(f"00-{trace_id}-{_NO_SPAN}-00")
        context = {"method": request.method, "path": request.scope["path"]}
        _log.error("a request failed", exc_info=error, extra={"context": context})
        return answer(request, EventSystemError(), trace_id=trace_id)

    def framework(request: AnyRequest, error: HTTPException) -> Response[bytes]:
        known = translate(request, error)
        if known is None:
            return unexpected(request, error)
        return answer(request, known, headers=error.headers or {})

    return {EventSystemError: answer, HTTPException: framework, Exception: unexpected}


def answer(
    request: AnyRequest,
    error: EventSystemError,
    *,
    trace_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The problem answer of an error; server errors without a message of ours are logged."""
    trace_id = trace_id or trace_id_of(dict(request.scope["headers"]))
    body = problem_body(error, instance=request.scope["path"], trace_id=trace_id)
    return Response(
        body,
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**problem_headers(error.status), **(headers or {})},
    )


def translate(request: AnyRequest, error: HTTPException) -> EventSystemError | None:
    """The framework's exception as ours; None for one that is the node's own fault."""
    if isinstance(error, ValidationException):
        return _invalid(request, error)
    if known := _BY_STATUS.get(error.status_code):
        return known(f"{request.method} {request.scope['path'][:200]}")
    if error.status_code in _CLIENT_ERRORS:
        return MalformedRequestError(error.detail)
    return None


def _invalid(
    request: AnyRequest, error: ValidationException
) -> InvalidQueryError | InvalidRequestError:
    faults: Sequence[Any] = error.extra if isinstance(error.extra, list) else ()
    of_body = [fault for fault in faults if fault.get("source") == "body"]
    if of_body:
        where = of_body[0].get("key")
        where = None if where == _BODY else where
        detail = "; ".join(str(fault["message"]) for fault in of_body)
        return InvalidRequestError(
            "a JSON body is needed" if detail == _NONE else detail, where=where
        )
    found = [_parameter_fault(request, fault) for fault in faults if "key" in fault]
    if not found:
        return InvalidQueryError(error.detail)
    detail = "; ".join(f"`{name}`: {message}" for name, message in found)
    return InvalidQueryError(detail, where=found[0][0])


def _parameter_fault(request: AnyRequest, fault: Mapping[str, str]) -> tuple[str, str]:
    """The parameter as clients know it, and what is wrong with it."""
    name, message = fault["key"], fault["message"]
    field = request.route_handler.parsed_fn_signature.parameters.get(name)
    if field is None:
        return name, message
    known = _values(field.annotation)
    told = f"{message}; known are {', '.join(known)}" if known else message
    return getattr(field.kwarg_definition, "name", None) or name, told


def _values(annotation: Any) -> tuple[str, ...]:
    """The values that a parameter may have, where they are few."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in _values(part))
