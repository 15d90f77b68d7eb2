"""How a line is written: a JSON object for machines, readable text for people."""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

import msgspec

from event_system.kernel.clock import rfc3339
from event_system.logs.context import trace_id
from event_system.logs.lines import MASK, Line, error_of

_COLOURS = {"WARN": "33", "ERROR": "31", "FATAL": "31;1", "DEBUG": "2"}
_PLAIN = re.compile(r"[^\s\"'=]+")
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\t",
}
_encode = msgspec.json.Encoder().encode

# API keys and the passwords of URLs, wherever they stand in a text.
_IN_TEXT = re.compile(r"(esk_)[\w-]{16,}|(://[^\s:/@\"]*:)[^\s/@\"]+(?=@)")


class Format(Protocol):
    """One way to write a line, without its end. Used by the writing thread only."""

    def write(self, line: Line) -> str: ...


class JsonLines:
    """One JSON object a line."""

    def __init__(self, service: str, instance: str) -> None:
        self._service = service
        self._instance = instance

    def write(self, line: Line) -> str:
        context = line.context
        if line.raised is not None:
            context = {**context, "error": error_of(line.raised)}
        user = {} if line.user is None else {"userId": line.user}
        fields = {
            "timestamp": rfc3339(line.at_us),
            "level": line.level,
            "service": self._service,
            "instance": self._instance,
            "traceId": trace_id(line.traceparent),
            **user,
            "message": line.message,
            "context": context,
            "metrics": line.metrics,
        }
        return masked(_json(fields))


class TextLines:
    """One readable line; a traceback follows it, indented."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def write(self, line: Line) -> str:
        user = {} if line.user is None else {"userId": line.user}
        details = {**user, **line.context, **line.metrics}
        stacks = [str(details.pop("stack", ""))]
        if line.raised is not None:
            stacks.append(error_of(line.raised)["stack"])
        message = line.message.translate(_CONTROLS)
        pairs = "".join(f"  {_flat(key)}={_flat(value)}" for key, value in details.items())
        head = f"{rfc3339(line.at_us)} {self._level(line.level)} {message}{pairs}"
        return masked(head + "".join(map(_indented, stacks)))

    def _level(self, level: str) -> str:
        colour = _COLOURS.get(level) if self._colour else None
        return f"\x1b[{colour}m{level:<5}\x1b[0m" if colour else f"{level:<5}"


def masked(text: str) -> str:
    """The text without API keys and passwords of URLs."""
    return _IN_TEXT.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)


def _indented(stack: str) -> str:
    return "".join(f"\n    {text.translate(_CONTROLS)}" for text in stack.splitlines())


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.isprintable() else json.dumps(value)
    return _json(value)


def _json(value: Any) -> str:
    try:
        return _encode(value).decode()
    except (ValueError, TypeError, OverflowError):  # lone surrogates, endless integers
        return json.dumps(value, default=str)
