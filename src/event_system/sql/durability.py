"""Whether what the server has committed outlives a power cut, by its own settings."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from event_system.sql.database import Database
from event_system.sql.dsn import Dialect

_SAFE: Mapping[Dialect, Mapping[str, str]] = {
    "postgresql": {"fsync": "on", "full_page_writes": "on"},
    "mysql": {"innodb_flush_log_at_trx_commit": "1"},
}
"""What the server's settings have to be; `synchronous_commit` every connection sets itself."""


async def weakness(database: Database) -> str | None:
    """The settings with which a power cut takes commits, and their remedy; None if there are none.

    Of a MySQL that writes a binary log `sync_binlog` counts as well: after a power cut it would
    lack events that replicas then never get. Raises `StorageError`.
    """
    async with database.read() as connection:
        if database.dialect == "postgresql":
            asked = sa.text("SELECT name, setting FROM pg_settings WHERE name IN :names")
        else:
            asked = sa.text("SHOW GLOBAL VARIABLES WHERE Variable_name IN :names")
        safe = dict(_SAFE[database.dialect])
        names = [*safe, "log_bin", "sync_binlog"]
        rows = await connection.execute(
            asked.bindparams(sa.bindparam("names", names, expanding=True))
        )
        found = {str(name): str(value) for name, value in rows}
    if found.get("log_bin") == "ON":
        safe["sync_binlog"] = "1"
    weak = [name for name, value in safe.items() if found.get(name, value) != value]
    if not weak:
        return None
    told = ", ".join(f"{name} = {found[name]}" for name in weak)
    remedy = ", ".join(f"{name} = {safe[name]}" for name in weak)
    return f"a power cut takes events that were accepted: the server has {told}; set {remedy}"
