"""Prometheus' HTTP API; docs/promql.md describes it, Prometheus' own documentation in full.

These routes are not among those of the OpenAPI document: their form is another project's.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from event_system.http.access import READS_QUERY
from event_system.http.app import Services
from event_system.http.prometheus.api import PrometheusApi
from event_system.http.prometheus.monitoring import Monitoring
from event_system.http.query import segment_of_path
from event_system.http.replies import text_reply
from event_system.kernel.errors import MonitoringOffError

_ROOT: Final = "/api/v1/"
_MOST_BYTES: Final = 1024 * 1024
"""Of a form."""
_FORM: Final = b"application/x-www-form-urlencoded"
_READ: Final = (
    *("query", "query_range", "query_exemplars", "format_query", "series", "labels"),
    *("metadata", "targets", "rules", "alerts", "status/buildinfo", "status/config"),
    *("status/flags", "status/runtimeinfo", "status/tsdb"),
)
_SENT: Final = ("query", "query_range", "query_exemplars", "format_query", "series", "labels")
_OPTIONS: Final[dict[str, Any]] = {"opt": {READS_QUERY: True}, "include_in_schema": False}
_VALUES: Final = b"/api/v1/label/"


@get([_ROOT + call for call in _READ], **_OPTIONS)
async def read(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    call = request.scope["path"].removeprefix(_ROOT).strip("/")
    return await _answer(services, call, request.scope["query_string"])


@post(
    [_ROOT + call for call in _SENT],
    status_code=200,
    request_max_body_size=_MOST_BYTES,
    **_OPTIONS,
)
async def send(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    call = request.scope["path"].removeprefix(_ROOT).strip("/")
    kind = dict(request.scope["headers"]).get(b"content-type", b"")
    form = await request.body() if kind.partition(b";")[0].strip().lower() == _FORM else b""
    return await _answer(services, call, form, request.scope["query_string"])


@get("/api/v1/label/{name:str}/values", **_OPTIONS)
async def label_values(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    named = segment_of_path(request.scope["raw_path"], _VALUES)
    label = f"label={quote(named)}".encode()
    return await _answer(services, "label_values", label, request.scope["query_string"])


async def _answer(services: Services, call: str, *parameters: bytes) -> Response[bytes]:
    monitoring = services.monitoring()
    if monitoring is None:
        raise MonitoringOffError
    assert isinstance(monitoring, Monitoring)
    api = PrometheusApi(monitoring, services.clock, services.version)
    reply = await api.answer(call, *parameters)
    answer = text_reply(reply.body, "application/json", {})
    answer.status_code = reply.status
    return answer


ROUTES = (read, send, label_values)
