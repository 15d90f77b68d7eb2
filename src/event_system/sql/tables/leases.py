"""Who may do what one node at a time does."""

from __future__ import annotations

import sqlalchemy as sa

from event_system.sql.metadata import METADATA, TABLE_OPTIONS, Key, Micros, Name

LONGEST_NAME = 64
LONGEST_OWNER = 255

LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("name", Name(LONGEST_NAME), primary_key=True),
    sa.Column("owner", Name(LONGEST_OWNER), nullable=False),
    sa.Column("epoch", Key, nullable=False),
    sa.Column("expires_us", Micros, nullable=False),
    **TABLE_OPTIONS,
)
"""`epoch` grows with every change of hands; `expires_us` is by the database's clock, 0 is free."""


def now_us(dialect: str) -> sa.ColumnElement[int]:
    """The database's clock at this very moment, also in a statement that waited for a lock."""
    seconds = {
        "postgresql": "extract(epoch FROM clock_timestamp())",
        "mysql": "unix_timestamp(sysdate(6))",
    }
    return sa.cast(sa.literal_column(seconds[dialect]) * 1_000_000, sa.BigInteger)


def holders(connection: sa.Connection) -> list[str]:
    """Who holds any lease at this moment."""
    wanted = sa.select(LEASES.c.owner).distinct()
    now = now_us(connection.dialect.name)
    return list(connection.execute(wanted.where(LEASES.c.expires_us > now)).scalars())
