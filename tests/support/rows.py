"""Rows of the log, as the manager makes them."""

from __future__ import annotations

from event_system.events.event import Row
from event_system.kernel.lanes import id_key, lane_of, source_key, subject_key, type_key

LANES = 4


def row(
    id_: str,
    *,
    type_: str = "player.login",
    source: str = "game",
    subject: str | None = None,
    received_us: int = 1_000_000,
    data: bytes | None = None,
) -> Row:
    key = id_key(id_) if subject is None else subject_key(subject)
    return (
        *(id_key(id_), None if subject is None else key, type_key(type_), source_key(source)),
        *(lane_of(key, LANES), type_, source, id_, subject, received_us, received_us),
        *(None, None, None, data),
    )
