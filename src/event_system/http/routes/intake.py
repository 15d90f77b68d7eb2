"""The routes that take events in, for requests that did not take the fast way."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from event_system.http import views
from event_system.http.access import READS_QUERY, UNPACKS
from event_system.http.app import Services
from event_system.http.ingest import BATCH, PROBE, TRIGGER, Route
from event_system.http.openapi.answers import answers
from event_system.http.openapi.bodies import BatchOperation, TriggerOperation
from event_system.http.openapi.examples import BATCH_RECEIPT, RECEIPT
from event_system.http.problems import problem_headers
from event_system.kernel.errors import (
    BacklogFullError,
    BatchTooLargeError,
    BodyTooLargeError,
    BusyError,
    EventTooLargeError,
    IdempotencyConflictError,
    IdempotencyKeyError,
    InvalidBatchError,
    InvalidEventError,
    MalformedBodyError,
    MalformedEncodingError,
    PreconditionError,
    PreconditionFailedError,
    ProbeDisabledError,
    RateLimitedError,
    RequestTimeoutError,
    StoppingError,
    StorageError,
    UnavailableError,
    UnfairShareError,
    UnsupportedEncodingError,
    UnsupportedMediaTypeError,
)

_FIRST_BAD_STATUS = 400
_OPT: Final = {READS_QUERY: True, UNPACKS: True}
_UNABLE: Final = (StorageError, UnavailableError, StoppingError)
_TOO_MUCH: Final = (RateLimitedError, BacklogFullError, BusyError, UnfairShareError)
_EVENT_ERRORS: Final = (
    *(MalformedEncodingError, UnsupportedEncodingError),
    *(InvalidEventError, MalformedBodyError, UnsupportedMediaTypeError, EventTooLargeError),
    *(IdempotencyKeyError, BodyTooLargeError, RequestTimeoutError, *_UNABLE),
    *(PreconditionError, *_TOO_MUCH),
)


@post(
    "/api/events/trigger",
    status_code=200,
    opt=_OPT,
    operation_class=TriggerOperation,
    operation_id="trigger",
    tags=["events"],
    summary="Trigger one event",
    description=(
        "Stores the event durably, runs its sync listeners, and answers. The same (`source`, "
        "`id`) within `event.dedupe_window` is stored once: `duplicate` is then true and "
        "`offset` is the first one. `results` is there only where sync listeners ran."
    ),
    responses=answers(
        views.Receipt,
        RECEIPT,
        IdempotencyConflictError,
        PreconditionFailedError,
        *_EVENT_ERRORS,
    ),
)
async def trigger(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    return await _answer(request, services, TRIGGER)


@get(
    "/api/events/trigger",
    opt=_OPT,
    operation_id="probe",
    tags=["events"],
    summary="Trigger a probe",
    description=(
        "Triggers `system.probe`, so that a plain load generator measures the whole durable "
        "way. `server.probe_route: false` switches it off."
    ),
    responses=answers(views.Receipt, RECEIPT, ProbeDisabledError, *_UNABLE),
)
async def probe(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    return await _answer(request, services, PROBE)


@post(
    "/api/events/batch",
    status_code=200,
    opt=_OPT,
    operation_class=BatchOperation,
    operation_id="batch",
    tags=["events"],
    summary="Trigger many events",
    description=(
        "All in one transaction, or, if any is invalid, none: `faults` then lists what is "
        "wrong by index. With `partial=true` the valid ones are stored and `faults` lists the "
        "others."
    ),
    responses=answers(
        views.BatchReceipt,
        BATCH_RECEIPT,
        InvalidBatchError,
        BatchTooLargeError,
        *_EVENT_ERRORS,
    ),
)
async def batch(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    return await _answer(request, services, BATCH)


async def _answer(
    request: Request[Any, Any, Any], services: Services, route: Route
) -> Response[bytes]:
    scope = request.scope
    headers = dict(scope["headers"])
    body = await _body(request, services.intake.body_limit(route))
    answer = await services.intake.answer(route, scope["query_string"], headers, body)
    bad = answer.status >= _FIRST_BAD_STATUS
    return Response(
        answer.body,
        status_code=answer.status,
        media_type=answer.media_type.decode(),
        headers={**(problem_headers(answer.status) if bad else {}), **answer.headers()},
    )


async def _body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The request's body, read no further than the limit."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError(f"over {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


ROUTES = (trigger, probe, batch)
