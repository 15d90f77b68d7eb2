"""Filters of listeners: CEL expressions over `event`, compiled once, with hard limits.

An expression is at most 1,000 characters, yields a boolean, and may not loop with `map` or
`filter` (their nesting is what makes CEL slow). A missing field or a type error is no match, and
so is an event that cannot be shown to CEL: a condition never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from event_system.events.event import Event
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import InvalidFilterError

MAX_LENGTH = 1000
_LOOPS = re.compile(r"\.\s*(?:map|filter)\s*\(")

Condition: TypeAlias = Callable[[Event], bool]


def compile_condition(expression: str) -> Condition:
    """The filter as a function of an event. Raises `InvalidFilterError` with CEL's own words."""
    from cel_expr_python.cel import NewEnv, Type  # 8 MB that only those need who have filters

    if len(expression) > MAX_LENGTH:
        raise InvalidFilterError(f"the filter has {len(expression)} characters, over {MAX_LENGTH}")
    if _LOOPS.search(expression):
        raise InvalidFilterError("`map` and `filter` are not allowed; use `exists` or `all`")
    try:
        compiled = NewEnv(variables={"event": Type.DYN}).compile(expression)
    except RuntimeError as error:
        raise InvalidFilterError(f"{expression!r}: {error}") from error
    if compiled.return_type() != Type.BOOL:
        raise InvalidFilterError(f"{expression!r} yields no boolean; compare it with something")

    def holds(event: Event) -> bool:
        try:
            return compiled.eval(data={"event": _variables(event)}).value() is True
        except Exception:  # noqa: BLE001 - whatever the event holds, it must not end a worker
            return False

    return holds


def _variables(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject or "",
        "time": rfc3339(event.time_us),
        "offset": event.offset,
        "data": event.data,
        "extensions": event.extensions,
    }
