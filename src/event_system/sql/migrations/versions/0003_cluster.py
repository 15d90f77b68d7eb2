"""The cluster: its nodes, and what each of them has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from event_system.sql.metadata import TABLE_OPTIONS, Micros, Name

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", Name(64), primary_key=True),
        sa.Column("name", Name(255), nullable=False),
        sa.Column("address", Name(255), nullable=False),
        sa.Column("roles", Name(255), nullable=False),
        sa.Column("version", Name(255), nullable=False),
        sa.Column("entered_us", Micros, nullable=False),
        sa.Column("expires_us", Micros, nullable=False),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )
    op.create_table(
        "owned",
        sa.Column("kind", Name(16), primary_key=True),
        sa.Column("name", Name(100), primary_key=True),
        sa.Column("node", Name(64), nullable=True),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("owned", if_exists=True)
    op.drop_table("nodes", if_exists=True)
