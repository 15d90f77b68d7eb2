"""The log's tables: events, what waits for its time, and how far the log is.

`events` is partitioned by ranges of its offset; `log` has one row, whose lock is the right to
append. The columns of an event are those of `events.event.Row`, in its order.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from event_system.sql.metadata import METADATA, TABLE_OPTIONS, Bytes, Key, Micros, Name, Offset

MAX_TYPE, MAX_NAME, MAX_ID, MAX_TRACE = 255, 1024, 300, 64
_Count = sa.BigInteger


def _row() -> list[sa.Column[Any]]:
    """The columns of an admitted event."""
    return [
        sa.Column("id_key", Key, nullable=False),
        sa.Column("subject_key", Key),
        sa.Column("type_key", Key, nullable=False),
        sa.Column("source_key", Key, nullable=False),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("type", Name(MAX_TYPE), nullable=False),
        sa.Column("source", Name(MAX_NAME), nullable=False),
        sa.Column("id", Name(MAX_ID), nullable=False),
        sa.Column("subject", Name(MAX_NAME)),
        sa.Column("time_us", Micros, nullable=False),
        sa.Column("received_us", Micros, nullable=False),
        sa.Column("media_type", Name(MAX_NAME)),
        sa.Column("traceparent", Name(MAX_TRACE)),
        sa.Column("extensions", Bytes),
        sa.Column("data", Bytes),
    ]


EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("offset", Offset, primary_key=True, autoincrement=False),
    *_row(),
    sa.Index("ix_events_id_key", "id_key"),
    sa.Index("ix_events_type_key_offset", "type_key", "offset"),
    sa.Index("ix_events_subject_key_offset", "subject_key", "offset"),
    sa.Index("ix_events_source_key_offset", "source_key", "offset"),
    postgresql_partition_by='RANGE ("offset")',
    **TABLE_OPTIONS,
)

LOG = sa.Table(
    "log",
    METADATA,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("head", Offset, nullable=False),
    sa.Column("floor", Offset, nullable=False),
    sa.Column("room", Offset, nullable=False),
    sa.Column("received_us", Micros, nullable=False),
    sa.Column("lanes", sa.Integer, nullable=False),
    sa.Column("identity", _Count, nullable=False),
    sa.Column("backbone", Name(MAX_TYPE)),
    sa.Column("place", _Count),
    **TABLE_OPTIONS,
)
"""One row. `room` is the last offset for which there is a partition, `received_us` the time of
receipt of the event at `head`, `backbone` the stream through which events come in, if one does, and
`place` where in it the event at `head` stands, if its offset does not say so."""

WRITERS = sa.Table(
    "log_writers",
    METADATA,
    sa.Column("name", Name(64), primary_key=True),
    sa.Column("batch", _Count, nullable=False),
    sa.Column("first_offset", Offset, nullable=False),
    sa.Column("seen_us", Micros, nullable=False),
    **TABLE_OPTIONS,
)
"""The last commit of each node: how one that was lost on the way is told from one that never was.
Its rows stand from `first_offset` on."""

ID_FILTERS = sa.Table(
    "id_filters",
    METADATA,
    sa.Column("stretch", _Count, primary_key=True, autoincrement=False),
    sa.Column("number", _Count, primary_key=True, autoincrement=False),
    sa.Column("bits", Bytes, nullable=False),
    **TABLE_OPTIONS,
)
"""Bloom filters of the ids of closed stretches of the log: the n-th one of so many events each."""

TYPES = sa.Table(
    "log_types",
    METADATA,
    sa.Column("type", Name(MAX_TYPE), primary_key=True),
    sa.Column("type_key", Key, nullable=False),
    **TABLE_OPTIONS,
)
"""Every type that the log has ever held, so that a pattern can be resolved."""

SCHEDULED = sa.Table(
    "scheduled",
    METADATA,
    sa.Column("number", _Count, primary_key=True, autoincrement=True),
    sa.Column("due_us", Micros, nullable=False),
    *_row(),
    sa.Index("ix_scheduled_due_us_number", "due_us", "number"),
    sa.Index("ix_scheduled_id_key", "id_key"),
    **TABLE_OPTIONS,
)

SCHEDULES = sa.Table(
    "schedules",
    METADATA,
    sa.Column("name", Name(255), primary_key=True),
    sa.Column("revision", _Count, nullable=False),
    sa.Column("definition", Bytes, nullable=False),
    sa.Column("next_us", Micros),
    sa.Column("last_us", Micros),
    sa.Column("fired_us", Micros),
    sa.Column("last_offset", Offset),
    sa.Column("fired", _Count, nullable=False),
    **TABLE_OPTIONS,
)

ROW_COLUMNS = tuple(column for column in EVENTS.columns if column.name != "offset")
"""The columns of an event in the order of `events.event.Row`."""
