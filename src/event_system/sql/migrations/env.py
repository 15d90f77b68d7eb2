"""What Alembic runs around the steps.

`migrate.py` hands in a connection, or a dialect to write the statements for.
"""

from __future__ import annotations

from alembic import context

from event_system.sql import tables
from event_system.sql.metadata import METADATA

tables.declare()
context.configure(
    connection=context.config.attributes.get("connection"),
    dialect_name=context.config.attributes.get("dialect"),
    as_sql=context.is_offline_mode(),
    literal_binds=context.is_offline_mode(),
    target_metadata=METADATA,
    version_table=context.config.attributes["version_table"],
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
