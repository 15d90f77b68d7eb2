"""A log line as a value, taken from a record on the thread that logs.

Everything that may change afterwards is copied here; what takes long (the traceback, the
formatting) is left to the thread that writes.
"""

from __future__ import annotations

import logging
import math
import re
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias

from event_system.logs.context import bound_trace

MASK = "********"
MAX_TEXT = 16_384
MAX_DEPTH = 6
MAX_ITEMS = 200
LEVELS = {
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "WARNING": "WARN",
    "ERROR": "ERROR",
    "CRITICAL": "FATAL",
}

# `tokenId` or `keyCount` are no secrets; `apiKey`, `key` and `session_token` are.
_SECRET = re.compile(
    r"passw|secret|authori[sz]ation|credential|cookie|(?:token|key|dsn|pwd)s?$", re.IGNORECASE
)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]


@dataclass(frozen=True, slots=True)
class Line:
    """What is to be written. `at_us` is microseconds since 1970."""

    at_us: int
    level: str
    message: str
    traceparent: str | None
    user: str | None
    context: dict[str, Any]
    metrics: dict[str, Any]
    raised: Raised | None = None


def read(record: logging.LogRecord) -> Line:
    """The line of a record, bounded in size and without secrets. Raises nothing."""
    extra = {key: record.__dict__[key] for key in record.__dict__.keys() - _OWN}
    metrics, user = extra.pop("metrics", None), extra.pop("userId", None)
    context = _context(extra) if extra else {}
    if record.stack_info:
        context["stack"] = record.stack_info[-MAX_TEXT:]
    return Line(
        int(record.created * 1_000_000),
        LEVELS.get(record.levelname, record.levelname),
        _message(record)[:MAX_TEXT],
        bound_trace(),
        None if user is None else _text(user),
        context,
        _metrics(metrics) if metrics else {},
        _raised(record),
    )


def error_of(raised: Raised) -> dict[str, str]:
    """An exception as `context.error`; long stacks keep their end, where it happened."""
    type_, error, trace = raised
    stack = "".join(traceback.format_exception(type_, error, trace))
    return {"type": type_.__name__, "message": _text(error), "stack": stack[-MAX_TEXT:]}


def _raised(record: logging.LogRecord) -> Raised | None:
    if not record.exc_info or record.exc_info[0] is None:
        return None
    return record.exc_info


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a wrong call still has something to say
        return f"{_text(record.msg)} {_text(record.args)} ({error})"


def _context(extra: dict[str, Any]) -> dict[str, Any]:
    given = extra.pop("context", {})
    merged = {**extra, **given} if isinstance(given, dict) else {**extra, "context": given}
    return {str(key): _clean(value, str(key), 1) for key, value in list(merged.items())[:MAX_ITEMS]}


def _metrics(given: Any) -> dict[str, Any]:
    """Numbers pass whatever they are called: `tokens` is a count here."""
    if not isinstance(given, dict):
        return {"value": _clean(given, "", 1)}
    return {
        str(key): value if type(value) is int else _clean(value, "", 1)
        for key, value in list(given.items())[:MAX_ITEMS]
    }


def _clean(value: Any, key: str, depth: int) -> Any:
    """The value as JSON can say it, bounded, with secrets masked."""
    if _SECRET.search(key):
        return MASK
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _inside(value, depth)


def _inside(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list | tuple | set | frozenset):
        if depth >= MAX_DEPTH:
            return "…"
        if isinstance(value, dict):
            items = list(value.items())[:MAX_ITEMS]
            return {str(key): _clean(inner, str(key), depth + 1) for key, inner in items}
        return [_clean(inner, "", depth + 1) for inner in list(value)[:MAX_ITEMS]]
    return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)[:MAX_TEXT]
    except Exception as error:  # noqa: BLE001 - what others wrote must not end the log
        return f"<{type(value).__name__}: {type(error).__name__} when it was to be shown>"
