"""What Alembic runs around the steps; `migrate.py` hands the connection in."""

from __future__ import annotations

from alembic import context

from event_system.sql import tables
from event_system.sql.metadata import METADATA

tables.declare()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=context.config.attributes["version_table"],
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
