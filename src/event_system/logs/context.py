"""Which trace the code that writes a line works for."""

from __future__ import annotations

import re
from contextvars import ContextVar

_bound: ContextVar[str | None] = ContextVar("traceparent", default=None)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def bind_trace(traceparent: str | None) -> None:
    """Lines written from here on carry the id of this W3C traceparent; None ends that.

    Called for every event: nothing is looked at before a line is written.
    """
    _bound.set(traceparent)


def bound_trace() -> str | None:
    """What was bound, as it was."""
    return _bound.get()


def current_trace_id() -> str | None:
    """The 32 hex digits of the bound trace; None where none, or no traceparent, is bound."""
    return trace_id(_bound.get())


def trace_id(traceparent: str | None) -> str | None:
    """The trace's id in a W3C traceparent, None where it is malformed."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return found[1] if found else None
