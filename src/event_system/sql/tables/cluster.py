"""Who is in the cluster, and who has what of that which one node at a time has."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from event_system.sql.metadata import METADATA, TABLE_OPTIONS, Bytes, Micros, Name, Offset

LONGEST_ID, LONGEST_TEXT, LONGEST_KIND, LONGEST_THING, LONGEST_PLACE = 64, 255, 16, 100, 160


def _node() -> list[sa.Column[Any]]:
    """What is told of a node; times are the database's."""
    return [
        sa.Column("id", Name(LONGEST_ID), primary_key=True),
        sa.Column("name", Name(LONGEST_TEXT), nullable=False),
        sa.Column("address", Name(LONGEST_TEXT), nullable=False),
        sa.Column("roles", Name(LONGEST_TEXT), nullable=False),
        sa.Column("version", Name(LONGEST_TEXT), nullable=False),
        sa.Column("entered_us", Micros, nullable=False),
        sa.Column("seen_us", Micros, nullable=False),
        sa.Column("clock_ahead_us", Micros, nullable=False),
    ]


NODES = sa.Table(
    "nodes",
    METADATA,
    *_node(),
    sa.Column("expires_us", Micros, nullable=False),
    sa.Column("place", Name(LONGEST_TEXT), nullable=False),
    sa.Column("offers", Bytes),
    sa.Column("plan", Name(LONGEST_ID), nullable=False),
    **TABLE_OPTIONS,
)
"""`id` is one for each time that a node enters; `clock_ahead_us` is by how much its own clock is
ahead of the database's. `offers` is JSON."""

GONE = sa.Table("gone_nodes", METADATA, *_node(), **TABLE_OPTIONS)
"""Nodes that went without leaving, for operators to see."""

OWNED = sa.Table(
    "owned",
    METADATA,
    sa.Column("kind", Name(LONGEST_KIND), primary_key=True),
    sa.Column("name", Name(LONGEST_THING), primary_key=True),
    sa.Column("node", Name(LONGEST_ID)),
    sa.Column("forsaken", sa.Boolean, nullable=False),
    **TABLE_OPTIONS,
)
"""`node` is the id of who has the thing; null while nobody has it. `forsaken` tells that its last
owner did not give it back, but was given up."""

IN_HAND = sa.Table(
    "in_hand",
    METADATA,
    sa.Column("place", Name(LONGEST_PLACE), primary_key=True),
    sa.Column("event", Offset, nullable=False),
    **TABLE_OPTIONS,
)
"""What is handled with care: an event, by its offset, in a place of the board, by its key."""


def now_us(dialect: str) -> sa.ColumnElement[int]:
    """The database's clock at this very moment, also in a statement that waited for a lock."""
    seconds = {
        "postgresql": "extract(epoch FROM clock_timestamp())",
        "mysql": "unix_timestamp(sysdate(6))",
    }
    return sa.cast(sa.literal_column(seconds[dialect]) * 1_000_000, sa.BigInteger)


def at_work(connection: sa.Connection) -> list[str]:
    """The names of the nodes that are members at this moment."""
    alive = NODES.c.expires_us > now_us(connection.dialect.name)
    return list(connection.scalars(sa.select(NODES.c.name).where(alive).order_by(NODES.c.name)))
