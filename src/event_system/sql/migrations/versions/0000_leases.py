"""Leases: who may do what one node at a time does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from event_system.sql.metadata import TABLE_OPTIONS, Key, Micros, Name

revision = "0000"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", Name(64), primary_key=True),
        sa.Column("owner", Name(255), nullable=False),
        sa.Column("epoch", Key, nullable=False),
        sa.Column("expires_us", Micros, nullable=False),
        if_not_exists=True,
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("leases", if_exists=True)
