"""A log line as a value, taken from a record on the thread that logs.

Everything that may change afterwards is copied here, and nothing of the caller's is kept: what
an exception's frames hold would else end on the thread that writes. What takes long (looking up
source lines, the formatting) is left to that thread.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from traceback import TracebackException
from typing import Any

from event_system.logs.context import bound_trace

MASK = "********"
MAX_TEXT = 16_384
MAX_DETAILS = 65_536
"""Characters that all texts and keys of one line's context and metrics may have together."""

MAX_DEPTH = 6
MAX_ITEMS = 200
ITEM_SIZE = 8
"""What an entry of a list counts as, besides its text."""

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

_JSON_INTEGERS = range(-(2**63), 2**64)


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
    raised: TracebackException | None = None


def read(record: logging.LogRecord) -> Line:
    """The line of a record, bounded in size and without secrets. Raises nothing."""
    extra = {key: record.__dict__[key] for key in record.__dict__.keys() - _OWN}
    metrics, user = extra.pop("metrics", None), extra.pop("userId", None)
    room = _Room()
    context = _context(extra, room) if extra else {}
    if record.stack_info:
        context["stack"] = record.stack_info[-MAX_TEXT:]
    return Line(
        int(record.created * 1_000_000),
        LEVELS.get(record.levelname, record.levelname),
        _message(record)[:MAX_TEXT],
        bound_trace(),
        None if user is None else _text(user),
        context,
        _metrics(metrics, room) if metrics else {},
        _raised(record),
    )


def error_of(raised: TracebackException) -> dict[str, str]:
    """An exception as `context.error`; long stacks keep their end, where it happened."""
    stack = "".join(raised.format())
    type_ = raised.exc_type.__name__ if raised.exc_type is not None else ""
    return {"type": type_, "message": str(raised)[:MAX_TEXT], "stack": stack[-MAX_TEXT:]}


def _raised(record: logging.LogRecord) -> TracebackException | None:
    if not record.exc_info or record.exc_info[0] is None:
        return None
    return TracebackException(*record.exc_info, lookup_lines=False, compact=True)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a wrong call still has something to say
        return f"{_text(record.msg)} {_text(record.args)} ({error})"


class _Room:
    """How much of a line is left for its details."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_DETAILS

    def take(self, text: str) -> str:
        kept = text[: max(min(MAX_TEXT, self.left), 0)]
        self.left -= len(kept)
        return kept


def _context(extra: dict[str, Any], room: _Room) -> dict[str, Any]:
    given = extra.pop("context", {})
    merged = {**extra, **given} if isinstance(given, dict) else {**extra, "context": given}
    return _mapping(merged, 1, room)


def _metrics(given: Any, room: _Room) -> dict[str, Any]:
    """Numbers pass whatever they are called: `tokens` is a count here."""
    if not isinstance(given, dict):
        return {"value": _clean(given, 1, room)}
    return {
        room.take(_text(key)): _clean(value, 1, room)
        for key, value in list(given.items())[:MAX_ITEMS]
    }


def _mapping(given: dict[Any, Any], depth: int, room: _Room) -> dict[str, Any]:
    kept = {}
    for key, value in list(given.items())[:MAX_ITEMS]:
        name = _text(key)
        secret = _SECRET.search(name)
        kept[room.take(name)] = MASK if secret else _clean(value, depth, room)
    return kept


def _clean(value: Any, depth: int, room: _Room) -> Any:
    """The value as JSON can say it, bounded, with what secret keys hold masked."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return room.take(value)
    if isinstance(value, int) and value in _JSON_INTEGERS:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _inside(value, depth, room)


def _inside(value: Any, depth: int, room: _Room) -> Any:
    if isinstance(value, dict | list | tuple | set | frozenset):
        if depth >= MAX_DEPTH or room.left <= 0:
            return "…"
        if isinstance(value, dict):
            return _mapping(value, depth + 1, room)
        room.left -= ITEM_SIZE * min(len(value), MAX_ITEMS)
        return [_clean(inner, depth + 1, room) for inner in list(value)[:MAX_ITEMS]]
    return room.take(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)[:MAX_TEXT]
    except Exception as error:  # noqa: BLE001 - what others wrote must not end the log
        return f"<{type(value).__name__}: {type(error).__name__} when it was to be shown>"
