"""JSON data that every reader can read: how deep it nests, and how long its numbers are.

One event that a reader cannot take makes a whole page of history, or an export, unreadable for
it. So what common readers refuse is refused at the door.
"""

from __future__ import annotations

import re
from typing import Final

from event_system.events.event import read_json
from event_system.kernel.errors import InvalidEventError

MAX_NESTING: Final = 100
"""Levels. Readers take 1000, 128 or 64 of them; none gets by without a bound."""
MAX_DIGITS: Final = 4300
"""Of an integer: what Python reads, and far more than a float holds."""
SHORTEST: Final = 2 * MAX_NESTING
"""Bytes that the shortest data has that is nested too deeply: what is shorter is readable."""

_STRING = re.compile(rb'"[^"]*"')
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_OTHERS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_DIGITS: Final = bytes(0x30 if 0x30 <= code <= 0x39 else 0x20 for code in range(256))
_TOO_LONG: Final = b"0" * (MAX_DIGITS + 1)


def check_readable(data: bytes) -> None:
    """Raise `InvalidEventError` for JSON that is nested too deeply or has too long an integer."""
    if data.count(b"[") + data.count(b"{") > MAX_NESTING and _is_too_deep(data):
        raise InvalidEventError(f"nested deeper than {MAX_NESTING} levels", where="$.data")
    if len(data) > MAX_DIGITS and _TOO_LONG in data.translate(_DIGITS) and not _is_read(data):
        raise InvalidEventError(f"an integer has over {MAX_DIGITS} digits", where="$.data")


def _is_too_deep(data: bytes) -> bool:
    """Takes the innermost level away, time after time; without strings these are empty pairs."""
    if b"\\" in data:
        data = data.replace(rb"\\", b"").replace(rb"\"", b"")
    left = _STRING.sub(b"", data.translate(_BRACKETS, _OTHERS).replace(b'""', b""))
    for _ in range(MAX_NESTING):
        if not left:
            return False
        left = left.replace(b"[]", b"")
    return bool(left)


def _is_read(data: bytes) -> bool:
    """Whether the long run of digits stands in a string, or behind a point."""
    try:
        read_json(data)
    except ValueError:
        return False
    return True
