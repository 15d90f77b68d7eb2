"""Streams and tables that do not belong together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
import sqlalchemy as sa

from event_system.eventlog.backbone.stream import Stream
from event_system.kernel.errors import BackboneMismatchError
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import LOG
from tests.support.rows import row
from tests.support.sql import connecting
from tests.support.sql_log import sql_log
from tests.support.stream_log import all_ids, append, new_name, stream_log

Make: TypeAlias = Callable[[str], Stream]
pytestmark = pytest.mark.service("postgresql")


async def test_a_log_in_tables_goes_on_in_a_stream_and_never_beside_it(
    dsn: Dsn, make: Make
) -> None:
    name = new_name()
    async with sql_log(dsn) as tables:
        await append(tables, *(row(f"e{n}", subject="p") for n in range(5)))
    async with stream_log(dsn, make(name)) as log:
        assert await append(log, row("e2"), row("new", subject="p")) == [-3, 6]
        assert await log.append_if(row("newer", subject="p"), 6) == 7
        assert await all_ids(log) == [*(f"e{n}" for n in range(5)), "new", "newer"]

    with pytest.raises(BackboneMismatchError, match=name):
        async with sql_log(dsn):
            pass
    with pytest.raises(BackboneMismatchError, match="not 'test-other'"):
        async with stream_log(dsn, make("test-other")):
            pass


async def test_a_log_that_leaves_its_stream_goes_on_in_tables_and_behind_another(
    dsn: Dsn, make: Make
) -> None:
    async with stream_log(dsn, make(new_name())) as log:
        for number in range(3):
            await append(log, row(f"e{number}"))
    leave = sa.update(LOG).values(backbone=None)
    with connecting(dsn) as connection:
        connection.execute(leave)
    async with sql_log(dsn) as tables:
        assert await append(tables, row("e1"), row("in tables")) == [-2, 4]
    name = new_name()
    for offset in (5, 6):
        async with stream_log(dsn, make(name)) as log:
            assert await append(log, row("in tables"), row(f"new{offset}")) == [-4, offset]
            assert log.head == offset
