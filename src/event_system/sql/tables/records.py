"""What alerting holds in memory, kept for the next process."""

from __future__ import annotations

import sqlalchemy as sa

from event_system.sql.metadata import METADATA, TABLE_OPTIONS, Bytes, Name

LONGEST_KIND, LONGEST_DIGEST = 16, 16

RECORDS = sa.Table(
    "records",
    METADATA,
    sa.Column("kind", Name(LONGEST_KIND), primary_key=True),
    sa.Column("digest", Name(LONGEST_DIGEST * 2), primary_key=True),
    sa.Column("name", Bytes, nullable=False),
    sa.Column("value", Bytes, nullable=False),
    **TABLE_OPTIONS,
)
"""`name` is the record's key, of any length; `digest` is a hash of it, which an index can hold."""
