"""Duplicates among many events: filters spare look-ups, and no duplicate gets past them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from rbloom import Bloom

from event_system.eventlog.sql import filters
from event_system.eventlog.sql.filters import IdFilters
from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sql.reader import Reader
from event_system.events.event import Row
from event_system.kernel.lanes import id_key
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import ID_FILTERS
from tests.support.rows import row
from tests.support.sql import ENGINES, SharedDatabases, connecting
from tests.support.sql_log import sql_log
from tests.support.waiting import until

STRETCH = 50


@pytest.fixture(params=ENGINES)
def dsn(request: pytest.FixtureRequest, databases: SharedDatabases) -> Dsn:
    return databases.emptied(request.param)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "STRETCH_EVENTS", STRETCH)
    monkeypatch.setattr(filters, "LOOK_SECONDS", 0.01)


async def append(log: SqlEventLog, rows: list[Row]) -> list[int]:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    log.submit(rows, answer.set_result)
    return list(await answer)


def closed(log: SqlEventLog) -> int:
    return log._attempts.window.closed


def kept(dsn: Dsn) -> list[int]:
    with connecting(dsn) as connection:
        return sorted(connection.execute(sa.select(ID_FILTERS.c.number)).scalars())


async def test_duplicates_of_closed_stretches_are_found_and_new_ids_look_at_the_open_end_alone(
    dsn: Dsn,
) -> None:
    async with sql_log(dsn) as log:
        for first in range(0, 220, 20):
            await append(log, [row(f"e{n}") for n in range(first, first + 20)])
        await until(lambda: closed(log) == 200)

        window = log._attempts.window
        assert window.since([id_key("new")]) == 201
        assert window.since([id_key("new"), id_key("e7")]) == window.young
        found = await append(log, [row("e7"), row("e199"), row("e219"), row("new")])
        assert found == [-8, -200, -220, 221]
        many = await append(log, [row(f"e{n}") for n in range(221)])
        assert many == [*(-1 - n for n in range(220)), 222]
    assert kept(dsn) == [0, 1, 2, 3]


async def test_another_node_takes_what_one_has_built(
    dsn: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sql_log(dsn) as log:
        await append(log, [row(f"e{n}") for n in range(120)])
        await until(lambda: closed(log) == 100)

    async def build(self: IdFilters, number: int) -> Any:
        raise AssertionError(f"stretch {number} was there already")

    monkeypatch.setattr(IdFilters, "_build", build)
    async with sql_log(dsn) as other:
        await until(lambda: closed(other) == 100)
        assert await append(other, [row("e3"), row("e119"), row("x")]) == [-4, -120, 121]


async def test_of_two_nodes_that_build_at_once_both_get_through(dsn: Dsn) -> None:
    async with sql_log(dsn) as one, sql_log(dsn) as two:
        await append(one, [row(f"e{n}") for n in range(160)])
        await until(lambda: closed(one) == 150 and closed(two) == 150)
        assert await append(two, [row("e0"), row("e155"), row("x")]) == [-1, -156, 161]
    assert kept(dsn) == [0, 1, 2]


async def test_filters_of_what_has_left_the_window_are_dropped(dsn: Dsn) -> None:
    hour_us = 3_600_000_000
    async with sql_log(dsn, window_us=hour_us) as log:
        await append(log, [row(f"e{n}", received_us=1_000_000) for n in range(130)])
        await until(lambda: closed(log) == 100)
        late = [row(f"late{n}", received_us=3 * hour_us) for n in range(90)]
        await append(log, late)
        await log._look_back()
        await until(lambda: kept(dsn) == [2, 3])

        again = await append(log, [row("e3", received_us=3 * hour_us), late[0]])
        assert again == [221, -131]


async def test_a_torn_filter_is_built_anew(dsn: Dsn) -> None:
    async with sql_log(dsn) as log:
        await append(log, [row(f"e{n}") for n in range(120)])
        await until(lambda: closed(log) == 100)
    with connecting(dsn) as connection:
        half = sa.func.substr(ID_FILTERS.c.bits, 1, 20)
        connection.execute(sa.update(ID_FILTERS).values(bits=half))
    async with sql_log(dsn) as log:
        await until(lambda: closed(log) == 100)
        assert await append(log, [row("e3"), row("e99"), row("x")]) == [-4, -100, 121]


@given(st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=60), st.data())
def test_no_key_is_looked_for_too_late(keys: list[int], data: st.DataObject) -> None:
    """For any closed stretches, an event at a key's offset is in the part that is looked at."""
    log = IdFilters(Reader(None, head=int))  # type: ignore[arg-type]
    log._stretch = 8
    for number in range(len(keys) // 8):
        log._filters[number] = Bloom(8, filters.FALSE_POSITIVES, int)
        log._filters[number].update(keys[number * 8 : number * 8 + 8])
    young = data.draw(st.integers(0, len(keys)))
    window = log.window(1, young)
    for offset, key in enumerate(keys, 1):
        if offset >= young:
            assert window.since([2**63 - 1, key]) <= offset
