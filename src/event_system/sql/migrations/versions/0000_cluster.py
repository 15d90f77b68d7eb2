"""The cluster: its nodes, what each of them has, and what they handle with care."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from event_system.sql.metadata import TABLE_OPTIONS, Bytes, Micros, Name, Offset

revision = "0000"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        *_node(),
        sa.Column("expires_us", Micros, nullable=False),
        sa.Column("place", Name(255), nullable=False),
        sa.Column("offers", Bytes),
        sa.Column("plan", Name(64), nullable=False),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_table("gone_nodes", *_node(), if_not_exists=True, **TABLE_OPTIONS)
    op.create_table(
        "owned",
        sa.Column("kind", Name(16), primary_key=True),
        sa.Column("name", Name(100), primary_key=True),
        sa.Column("node", Name(64)),
        sa.Column("forsaken", sa.Boolean, nullable=False),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_table(
        "in_hand",
        sa.Column("place", Name(160), primary_key=True),
        sa.Column("event", Offset, nullable=False),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )


def _node() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", Name(64), primary_key=True),
        sa.Column("name", Name(255), nullable=False),
        sa.Column("address", Name(255), nullable=False),
        sa.Column("roles", Name(255), nullable=False),
        sa.Column("version", Name(255), nullable=False),
        sa.Column("entered_us", Micros, nullable=False),
        sa.Column("seen_us", Micros, nullable=False),
        sa.Column("clock_ahead_us", Micros, nullable=False),
    ]


def downgrade() -> None:
    op.drop_table("in_hand", if_exists=True)
    op.drop_table("owned", if_exists=True)
    op.drop_table("gone_nodes", if_exists=True)
    op.drop_table("nodes", if_exists=True)
