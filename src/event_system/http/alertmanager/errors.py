"""Errors in the form of Alertmanager's API."""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from event_system.http.problems import problem_headers
from event_system.http.replies import json_reply
from event_system.kernel.errors import EventSystemError

_SERVER_ERROR: Final = 500
_log = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that ends a request early."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__(str(content))
        self.status = status
        self.content = content


def _known(_: Request[Any, Any, Any], error: ApiError) -> Response[bytes]:
    return json_reply(error.content, error.status)


def _product(_: Request[Any, Any, Any], error: EventSystemError) -> Response[bytes]:
    found = json_reply(error.detail, error.status)
    found.headers.update(problem_headers(error.status))
    return found


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    if error.status_code >= _SERVER_ERROR:
        return _unexpected(request, error)
    told = {"code": error.status_code, "message": error.detail}
    return json_reply(told, error.status_code)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("a request failed: %s", request.scope["path"], exc_info=error)
    return json_reply("internal error", _SERVER_ERROR)


HANDLERS: Final[Any] = {
    ApiError: _known,
    EventSystemError: _product,
    HTTPException: _framework,
    msgspec.MsgspecError: _unexpected,
    Exception: _unexpected,
}
