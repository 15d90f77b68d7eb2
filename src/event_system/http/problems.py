"""Error answers as RFC 9457 problem details, in the one shape that leaves the node.

`problem_body` is all that the hot routes need; nothing here knows a web framework.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from event_system.kernel.errors import EventSystemError

MEDIA_TYPE = "application/problem+json"
ERRORS_PAGE = "/docs/errors"
RETRY_AFTER_SECONDS = 2

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_UNAUTHORIZED, _TOO_LARGE, _UNSUPPORTED, _UNAVAILABLE = 401, 413, 415, 503


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Problem details (RFC 9457).

    `type` is a reference to the error's description and, like `code`, never changes. `where`
    names the member, parameter or thing at fault, `remedy` says how to mend it. `faults` are
    those of a batch's events, of data or of a schema. `last_offset` is the subject's last one where
    a precondition failed. `traceId` finds the request in the node's log.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    where: str | None = None
    faults: tuple[Any, ...] = ()
    instance: str | None = None
    trace_id: str | None = None
    last_offset: int | None = msgspec.field(name="last_offset", default=None)


_encode = msgspec.json.Encoder().encode


def problem(
    error: EventSystemError,
    *,
    faults: Sequence[Any] = (),
    instance: str | None = None,
    trace_id: str | None = None,
) -> Problem:
    """The problem details of an error; `instance` is the path of the request."""
    return Problem(
        type=type_of(type(error)),
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        remedy=error.remedy,
        where=error.where,
        faults=tuple(faults) or error.faults,
        instance=instance,
        trace_id=trace_id,
        last_offset=getattr(error, "last_offset", None),
    )


def problem_body(
    error: EventSystemError,
    *,
    faults: Sequence[Any] = (),
    instance: str | None = None,
    trace_id: str | None = None,
) -> bytes:
    """The same as JSON."""
    return _encode(problem(error, faults=faults, instance=instance, trace_id=trace_id))


def type_of(error: type[EventSystemError]) -> str:
    """The stable URI reference of an error's description."""
    return f"{ERRORS_PAGE}#{error.code}"


def problem_headers(status: int) -> dict[str, str]:
    """What an error answer of this status says in its headers."""
    headers = {"cache-control": "no-store"}
    if status == _UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="event-system"'
    elif status == _TOO_LARGE:
        headers["connection"] = "close"  # what is still on its way is not read
    elif status == _UNSUPPORTED:
        headers["accept-encoding"] = "zstd, br, gzip"
    elif status == _UNAVAILABLE:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    return headers


def headers_of(error: EventSystemError) -> dict[str, str]:
    """The same of an error, which may say how many seconds to wait."""
    headers = problem_headers(error.status)
    if wait := getattr(error, "wait_seconds", 0.0):
        headers["retry-after"] = str(math.ceil(wait))
    return headers


@cache
def problem_header_lines(status: int) -> bytes:
    """The same as lines of an answer's head, but for `connection`, which its writer decides."""
    headers = {k: v for k, v in problem_headers(status).items() if k != "connection"}
    return "".join(f"\r\n{name}: {value}" for name, value in headers.items()).encode()


def trace_id_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The trace id of a request's `traceparent`, where it has a well-formed one."""
    found = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b"").decode("latin-1"))
    return found["trace"] if found else None
