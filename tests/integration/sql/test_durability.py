"""A server whose settings let a power cut take what was accepted is named."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from event_system.sql.durability import weakness
from tests.support.servers import private_server
from tests.support.sql import ENGINES, connecting, opened

WEAK = {
    "postgresql": ("fsync", "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"),
    "mariadb": ("innodb_flush_log_at_trx_commit", "SET GLOBAL innodb_flush_log_at_trx_commit = 2"),
}


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_setting_that_makes_commits_less_than_durable_is_named(engine: str) -> None:
    setting, *statements = WEAK[engine]
    with private_server(engine) as server:
        async with opened(server.dsn) as database:
            assert await weakness(database) is None
        with connecting(server.dsn) as connection:
            for statement in statements:
                connection.execute(sa.text(statement))
        async with opened(server.dsn) as database:
            told = await weakness(database)
    assert told is not None
    assert setting in told
