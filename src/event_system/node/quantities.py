"""Durations and sizes as people write them: `30s`, `24h`, `500ms`, `16MiB`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BINARY = {"": 1, "b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4}
_UNITS_BYTES = _BINARY | {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+)\s*([a-z]*)", re.IGNORECASE)
MAX_SECONDS = 3660 * 86_400


def parse_duration(value: Any) -> timedelta:
    """`1h30m`, `500ms`, or a number of seconds. Raises `ValueError`."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        seconds = _spelled(str(value).strip()) / 1000
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError("a duration is from 0 to 3660 days")
    return timedelta(seconds=seconds)


def _spelled(text: str) -> float:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("a duration is like 30s, 500ms, 1h30m, or a number of seconds")
    return sum(float(number) * _UNITS_MS[unit] for number, unit in parts)


def format_duration(value: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back, to the millisecond."""
    left = round(value.total_seconds() * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNITS_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(value: Any) -> int:
    """`16MiB`, `64 KiB`, or a number of bytes. Raises `ValueError`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(str(value).strip())
    unit = _UNITS_BYTES.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError("a size is like 16MiB, 64KiB, or a number of bytes")
    return int(match[1]) * unit


def format_size(value: int) -> str:
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if value and value % unit == 0:
            return f"{value // unit}{name}"
    return str(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "examples": ["30s", "24h", 1.5]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["16MiB", 1048576]}),
]
