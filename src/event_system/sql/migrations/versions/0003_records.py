"""What alerting holds in memory, kept for the next process."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_POSTGRESQL = """
CREATE TABLE records (
  kind VARCHAR COLLATE "C" NOT NULL,
  digest VARCHAR COLLATE "C" NOT NULL,
  name BYTEA NOT NULL,
  value BYTEA NOT NULL,
  CONSTRAINT pk_records PRIMARY KEY (kind, digest)
)"""
_MYSQL = """
CREATE TABLE IF NOT EXISTS records (
  kind VARBINARY(64) NOT NULL,
  digest VARBINARY(128) NOT NULL,
  name LONGBLOB NOT NULL,
  value LONGBLOB NOT NULL,
  PRIMARY KEY (kind, digest)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARSET=utf8mb4 COLLATE utf8mb4_bin"""


def upgrade() -> None:
    is_postgresql = op.get_context().dialect.name == "postgresql"
    op.execute(_POSTGRESQL if is_postgresql else _MYSQL)


def downgrade() -> None:
    op.execute("DROP TABLE IF EXISTS records")
