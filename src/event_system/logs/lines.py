"""How a log record is written: a JSON object a line, or a readable line."""

from __future__ import annotations

import json
import logging
import re
import traceback
from typing import Any

from event_system.kernel.clock import rfc3339
from event_system.logs.context import current_trace_id

MASK = "********"
MAX_TEXT = 16_384
MAX_DEPTH = 6
LEVELS = {
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "WARNING": "WARN",
    "ERROR": "ERROR",
    "CRITICAL": "FATAL",
}
_COLOURS = {"WARN": "33", "ERROR": "31", "FATAL": "31;1", "DEBUG": "2"}
_SECRET = re.compile(r"password|passwd|secret|token|api_?key|authorization|dsn", re.IGNORECASE)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "trace_id"}


def stamp(record: logging.LogRecord) -> logging.LogRecord:
    """Note, on the thread that logs, what is gone by the time the line is written."""
    record.trace_id = current_trace_id()
    record.message = record.getMessage()
    record.args = None
    if record.exc_info:
        record.exc_text = "".join(traceback.format_exception(*record.exc_info))
    return record


class JsonLines(logging.Formatter):
    """One JSON object a line, for machines."""

    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self._service = service
        self._instance = instance

    def format(self, record: logging.LogRecord) -> str:
        extra = _extra(record)
        metrics, user = extra.pop("metrics", {}), extra.pop("userId", None)
        line: dict[str, Any] = {
            "timestamp": rfc3339(int(record.created * 1_000_000)),
            "level": LEVELS.get(record.levelname, record.levelname),
            "service": self._service,
            "instance": self._instance,
            "traceId": getattr(record, "trace_id", None),
        }
        if user is not None:
            line["userId"] = str(user)
        line["message"] = _message(record)[:MAX_TEXT]
        line["context"] = _context(record, extra)
        line["metrics"] = _clean(metrics, "", 0)
        return json.dumps(line, ensure_ascii=False, default=repr)


class TextLines(logging.Formatter):
    """One readable line, for people."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        extra = _extra(record)
        metrics = extra.pop("metrics", {})
        details = {**_context(record, extra), **_clean(metrics, "", 0)}
        stack = details.pop("stack", None)
        if isinstance(error := details.get("error"), dict):
            stack = error.get("stack", stack)
            details["error"] = f"{error.get('type')}: {error.get('message')}"
        level = LEVELS.get(record.levelname, record.levelname)
        shown = (
            f"\x1b[{_COLOURS[level]}m{level:<5}\x1b[0m"
            if self._colour and level in _COLOURS
            else f"{level:<5}"
        )
        pairs = " ".join(f"{key}={value}" for key, value in details.items())
        text = _message(record)[:MAX_TEXT].replace("\n", "\n    ")
        line = f"{rfc3339(int(record.created * 1_000_000))} {shown} {text}  {pairs}".rstrip()
        return f"{line}\n{stack}".rstrip() if stack else line


def _message(record: logging.LogRecord) -> str:
    return getattr(record, "message", None) or record.getMessage()


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _OWN}


def _context(record: logging.LogRecord, extra: dict[str, Any]) -> dict[str, Any]:
    given = extra.pop("context", {})
    context = {**extra, **(given if isinstance(given, dict) else {"context": given})}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        context["error"] = {
            "type": type(error).__name__,
            "message": str(error)[:MAX_TEXT],
            "stack": (record.exc_text or "")[-MAX_TEXT:],
        }
    cleaned = _clean(context, "", 0)
    return cleaned if isinstance(cleaned, dict) else {}


def _clean(value: Any, key: str, depth: int) -> Any:
    """The value as JSON can say it, bounded, with secrets masked."""
    if _SECRET.search(key):
        return MASK
    if value is None or isinstance(value, str | bool | int | float):
        return value[:MAX_TEXT] if isinstance(value, str) else value
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {str(k): _clean(v, str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, "", depth + 1) for item in value]
    return repr(value)[:MAX_TEXT]
