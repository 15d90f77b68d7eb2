"""A failed delivery as a row, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import sqlalchemy as sa

from event_system.database.sql.many import MOST_ROWS
from event_system.delivery.ports import Failure
from event_system.sql.tables.state import FAILURES

F = FAILURES.c
MEMBERS: Final = Failure.__struct_fields__
_TEXTS: Final = ("error", "traceback")


def whole() -> sa.Select[Any]:
    return sa.select(*(F[name] for name in MEMBERS))


def plain() -> sa.Select[Any]:
    """Without tracebacks."""
    empty = sa.literal(b"", sa.LargeBinary).label("traceback")
    return sa.select(*(empty if name == "traceback" else F[name] for name in MEMBERS))


def failure_of(row: Any) -> Failure:
    return Failure(*(_text(getattr(row, name)) for name in MEMBERS))


def _text(value: Any) -> Any:
    return bytes(value).decode() if isinstance(value, bytes | memoryview | bytearray) else value


def values(failure: Failure, *, batched: bool) -> dict[str, Any]:
    values = {name: getattr(failure, name) for name in MEMBERS}
    return {
        **values,
        **{name: values[name].encode() for name in _TEXTS},
        "batched": batched,
    }


def distinct(failures: Iterable[Failure]) -> Iterator[dict[tuple[str, int], Failure]]:
    """Parts of up to `MOST_ROWS` by listener and offset, in order, each of them once a part."""
    part: dict[tuple[str, int], Failure] = {}
    for failure in failures:
        key = failure.listener, failure.offset
        if key in part or len(part) == MOST_ROWS:
            yield part
            part = {}
        part[key] = failure
    if part:
        yield part
