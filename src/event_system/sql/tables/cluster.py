"""Who is in the cluster, and who has what of that which one node at a time has."""

from __future__ import annotations

import sqlalchemy as sa

from event_system.sql.metadata import METADATA, TABLE_OPTIONS, Micros, Name

LONGEST_ID, LONGEST_TEXT, LONGEST_KIND, LONGEST_THING = 64, 255, 16, 100

NODES = sa.Table(
    "nodes",
    METADATA,
    sa.Column("id", Name(LONGEST_ID), primary_key=True),
    sa.Column("name", Name(LONGEST_TEXT), nullable=False),
    sa.Column("address", Name(LONGEST_TEXT), nullable=False),
    sa.Column("roles", Name(LONGEST_TEXT), nullable=False),
    sa.Column("version", Name(LONGEST_TEXT), nullable=False),
    sa.Column("entered_us", Micros, nullable=False),
    sa.Column("expires_us", Micros, nullable=False),
    **TABLE_OPTIONS,
)
"""`id` is one for each time that a node enters; times are the database's."""

OWNED = sa.Table(
    "owned",
    METADATA,
    sa.Column("kind", Name(LONGEST_KIND), primary_key=True),
    sa.Column("name", Name(LONGEST_THING), primary_key=True),
    sa.Column("node", Name(LONGEST_ID), nullable=True),
    **TABLE_OPTIONS,
)
"""`node` is the id of who has the thing; null while nobody has it."""
