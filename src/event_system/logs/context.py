"""Which trace the code that writes a line works for."""

from __future__ import annotations

from contextvars import ContextVar

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_PARTS = 4


def bind_trace(traceparent: str | None) -> None:
    """Lines written from here on carry this trace's id; None ends that."""
    _traceparent.set(traceparent)


def current_trace_id() -> str | None:
    """The 32 hex digits of the trace id, where a W3C traceparent is bound."""
    parts = (_traceparent.get() or "").split("-")
    return parts[1] if len(parts) == _PARTS else None
