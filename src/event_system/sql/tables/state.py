"""The state's tables: cursors, failed deliveries, replays, pauses, batch listeners, event types.

`failures` has those of all listeners; `batched` tells a batch listener's own, which change in its
transactions, from the others. Its indexes serve every walk as one range, for a listener and for
all: by time, and by the place of the event.
"""

from __future__ import annotations

import sqlalchemy as sa

from event_system.sql.metadata import METADATA, TABLE_OPTIONS, Bytes, Micros, Name, Offset

MAX_LISTENER, MAX_TYPE, MAX_STATE, MAX_MARK, MAX_NODE = 100, 255, 16, 64, 64

PROGRESS = sa.Table(
    "progress",
    METADATA,
    sa.Column("node", Name(MAX_NODE), primary_key=True),
    sa.Column("routed", Offset, nullable=False),
    **TABLE_OPTIONS,
)
"""The newest offset that each node had shown to its listeners when it saved for the last time."""

BELONGS = sa.Table(
    "belongs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("identity", sa.BigInteger, nullable=False),
    **TABLE_OPTIONS,
)
"""One row: the number of the log that all of this is of."""

LISTENERS = sa.Table(
    "listeners",
    METADATA,
    sa.Column("name", Name(MAX_LISTENER), primary_key=True),
    sa.Column("start", Offset, nullable=False),
    **TABLE_OPTIONS,
)

CURSORS = sa.Table(
    "cursors",
    METADATA,
    sa.Column("listener", Name(MAX_LISTENER), primary_key=True),
    sa.Column("lane", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("offset", Offset, nullable=False),
    sa.Column("caught_up", sa.Boolean, nullable=False),
    sa.Column("node", Name(MAX_NODE), nullable=False),
    **TABLE_OPTIONS,
)
"""`node` saved the cursor: where it had caught up, that is up to what this node had shown."""

FAILURES = sa.Table(
    "failures",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("batched", sa.Boolean, nullable=False),
    sa.Column("listener", Name(MAX_LISTENER), nullable=False),
    sa.Column("offset", Offset, nullable=False),
    sa.Column("lane", sa.Integer, nullable=False),
    sa.Column("type", Name(MAX_TYPE), nullable=False),
    sa.Column("state", Name(MAX_STATE), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("at_us", Micros, nullable=False),
    sa.Column("first_us", Micros, nullable=False),
    sa.Column("last_us", Micros, nullable=False),
    sa.Column("error", Bytes, nullable=False),
    sa.Column("traceback", Bytes, nullable=False),
    sa.UniqueConstraint("offset", "listener", "batched", name="uq_failures_offset"),
    sa.Index("ix_failures_at", "batched", "state", "at_us", "offset", "listener"),
    sa.Index("ix_failures_listener_at", "batched", "listener", "state", "at_us", "offset"),
    sa.Index("ix_failures_place", "batched", "state", "offset", "listener"),
    sa.Index("ix_failures_listener_place", "batched", "listener", "state", "offset"),
    **TABLE_OPTIONS,
)
"""`error` and `traceback` are UTF-8 in bytes: a text of PostgreSQL cannot hold every character."""

FAILURE_COUNTS = sa.Table(
    "failure_counts",
    METADATA,
    sa.Column("batched", sa.Boolean, primary_key=True),
    sa.Column("listener", Name(MAX_LISTENER), primary_key=True),
    sa.Column("state", Name(MAX_STATE), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    **TABLE_OPTIONS,
)

FAILURE_CLOCKS = sa.Table(
    "failure_clocks",
    METADATA,
    sa.Column("batched", sa.Boolean, primary_key=True),
    sa.Column("listener", Name(MAX_LISTENER), primary_key=True),
    sa.Column("us", Micros, nullable=False),
    **TABLE_OPTIONS,
)
"""`RetryStore.latest_us`, of each batch listener, and, under the name '', of all others."""

PAUSES = sa.Table(
    "pauses",
    METADATA,
    sa.Column("listener", Name(MAX_LISTENER), primary_key=True),
    sa.Column("until_us", Micros, nullable=False),
    **TABLE_OPTIONS,
)

REPLAYS = sa.Table(
    "replays",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("listener", Name(MAX_LISTENER), nullable=False),
    sa.Column("running", sa.Boolean, nullable=False),
    sa.Column("content", Bytes, nullable=False),
    sa.Index("ix_replays_listener", "listener", "id"),
    sa.Index("ix_replays_running", "running", "id"),
    **TABLE_OPTIONS,
)

BATCH_CURSORS = sa.Table(
    "batch_cursors",
    METADATA,
    sa.Column("listener", Name(MAX_LISTENER), primary_key=True),
    sa.Column("mark", Name(MAX_MARK), primary_key=True),
    sa.Column("offset", Offset, nullable=False),
    sa.Column("commits", sa.BigInteger, nullable=False),
    **TABLE_OPTIONS,
)
"""`mark` is a replay's, '' for live delivery; `commits` counts the transactions with an effect."""

EVENT_TYPES = sa.Table(
    "event_types",
    METADATA,
    sa.Column("name", Name(MAX_TYPE), primary_key=True),
    sa.Column("entry", Bytes, nullable=False),
    **TABLE_OPTIONS,
)

CHANGES = sa.Table(
    "changes",
    METADATA,
    sa.Column("name", Name(MAX_STATE), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    **TABLE_OPTIONS,
)
"""How often what all nodes have in memory was changed: who sees another number reads it again."""
