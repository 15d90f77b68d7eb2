"""Duplicates among many events: filters spare look-ups, and no duplicate gets past them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
from event_system.events.ports import Commit
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


def known(log: SqlEventLog) -> int:
    return log._attempts.window.known


def kept(dsn: Dsn) -> list[int]:
    with connecting(dsn) as connection:
        return sorted(connection.execute(sa.select(ID_FILTERS.c.number)).scalars())


async def test_duplicates_are_found_and_new_ids_look_only_at_what_others_appended(
    dsn: Dsn,
) -> None:
    async with sql_log(dsn) as log:
        for first in range(0, 220, 20):
            await append(log, [row(f"e{n}") for n in range(first, first + 20)])
        await until(lambda: known(log) == 220)

        window = log._attempts.window
        assert window.since([id_key("new")]) == 221
        assert window.since([id_key("new"), id_key("e7")]) == window.young
        assert window.since([id_key("e219"), id_key("new")]) == window.young
        found = await append(log, [row("e7"), row("e199"), row("e219"), row("new")])
        assert found == [-8, -200, -220, 221]
        assert log._attempts.window.since([id_key("new")]) == log._attempts.window.young
        many = await append(log, [row(f"e{n}") for n in range(221)])
        assert many == [*(-1 - n for n in range(220)), 222]
        await until(lambda: kept(dsn) == [0, 1, 2, 3])


async def test_what_a_node_knows_itself_is_not_asked_of_the_server(
    dsn: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first event on, over the ends of stretches, in small commits and large ones."""
    asked: list[int] = []
    async with sql_log(dsn) as log:
        engine = type(log._attempts._engine)
        twins = engine.twins

        async def counted(self: Any, driver: Any, keys: Sequence[int], young: int) -> Any:
            asked.append(young)
            return await twins(self, driver, keys, young)

        monkeypatch.setattr(engine, "twins", counted)
        monkeypatch.setattr(engine, "one_step", None)
        for first, size in ((0, 1), (1, 48), (49, 1), (50, 1), (51, 120)):
            await append(log, [row(f"e{n}") for n in range(first, first + size)])
        assert asked == []


@pytest.mark.parametrize("in_steps", [False, True])
async def test_of_another_node_only_what_one_was_not_told_of_is_looked_at(
    dsn: Dsn, monkeypatch: pytest.MonkeyPatch, in_steps: bool
) -> None:
    async with sql_log(dsn, poll_seconds=1_000) as log, sql_log(dsn) as other:
        if in_steps:
            monkeypatch.setattr(type(log._attempts._engine), "one_step", None)
        await append(log, [row(f"e{n}") for n in range(10)])
        await append(other, [row("theirs"), row("e9")])
        assert log._attempts.window.since([id_key("theirs")]) == 11
        assert await append(log, [row("theirs"), row("mine")]) == [-11, 12]
        assert log._attempts.window.since([id_key("new")]) == 13


async def test_a_stretch_that_ends_with_a_commit_is_closed_at_once(
    dsn: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def build(self: IdFilters, number: int) -> Any:
        raise AssertionError(f"stretch {number} is known already")

    monkeypatch.setattr(IdFilters, "_build", build)
    async with sql_log(dsn) as log:
        await append(log, [row(f"e{n}") for n in range(STRETCH)])
        await until(lambda: kept(dsn) == [0])


async def test_what_was_there_before_a_node_came_is_read_once(dsn: Dsn) -> None:
    async with sql_log(dsn) as log:
        await append(log, [row(f"e{n}") for n in range(70)])
    async with sql_log(dsn) as log:
        await append(log, [row(f"f{n}") for n in range(5)])
        await until(lambda: known(log) == 75)
        window = log._attempts.window
        assert window.since([id_key("new")]) == 76
        assert window.since([id_key("e69")]) == window.since([id_key("f0")]) == window.young
        await append(log, [row(f"g{n}") for n in range(40)])
        await until(lambda: known(log) == 115 and kept(dsn) == [0, 1])
        assert await append(log, [row("e0"), row("e69"), row("g39"), row("x")]) == [
            *(-1, -70, -115),
            116,
        ]


async def test_another_node_takes_what_one_has_built(
    dsn: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sql_log(dsn) as log:
        await append(log, [row(f"e{n}") for n in range(120)])
        await until(lambda: kept(dsn) == [0, 1])

    async def build(self: IdFilters, number: int) -> Any:
        raise AssertionError(f"stretch {number} was there already")

    monkeypatch.setattr(IdFilters, "_build", build)
    async with sql_log(dsn) as other:
        await until(lambda: known(other) == 120)
        assert await append(other, [row("e3"), row("e119"), row("x")]) == [-4, -120, 121]


async def test_a_stretch_that_a_node_has_heard_in_part_is_built_from_the_tables(
    dsn: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sql_log(dsn) as log:
        await append(log, [row(f"e{n}") for n in range(20)])

    async def never(self: IdFilters, open_: Any) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(IdFilters, "_fill", never)
        async with sql_log(dsn) as log:
            await append(log, [row(f"f{n}") for n in range(60)])
            await until(lambda: known(log) == 80)
            assert await append(log, [row("e3"), row("f59"), row("x")]) == [-4, -80, 81]
    assert kept(dsn) == [0]


async def test_of_two_nodes_that_build_at_once_both_get_through(dsn: Dsn) -> None:
    async with sql_log(dsn) as one, sql_log(dsn) as two:
        await append(one, [row(f"e{n}") for n in range(160)])
        await until(lambda: known(one) == 160 and known(two) == 160)
        assert await append(two, [row("e0"), row("e155"), row("x")]) == [-1, -156, 161]
        await until(lambda: kept(dsn) == [0, 1, 2])


async def test_filters_of_what_has_left_the_window_are_dropped(dsn: Dsn) -> None:
    hour_us = 3_600_000_000
    async with sql_log(dsn, window_us=hour_us) as log:
        await append(log, [row(f"e{n}", received_us=1_000_000) for n in range(130)])
        await until(lambda: known(log) == 130)
        late = [row(f"late{n}", received_us=3 * hour_us) for n in range(90)]
        await append(log, late)
        await log._look_back()
        await until(lambda: kept(dsn) == [2, 3])

        again = await append(log, [row("e3", received_us=3 * hour_us), late[0]])
        assert again == [221, -131]


async def test_a_torn_filter_is_built_anew(dsn: Dsn) -> None:
    async with sql_log(dsn) as log:
        await append(log, [row(f"e{n}") for n in range(120)])
        await until(lambda: kept(dsn) == [0, 1])
    with connecting(dsn) as connection:
        half = sa.func.substr(ID_FILTERS.c.bits, 1, 20)
        connection.execute(sa.update(ID_FILTERS).values(bits=half))
    async with sql_log(dsn) as log:
        await until(lambda: known(log) == 120)
        assert await append(log, [row("e3"), row("e99"), row("x")]) == [-4, -100, 121]


@given(
    keys=st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=60),
    sizes=st.lists(st.integers(1, 20), min_size=60, max_size=60),
    data=st.data(),
)
def test_no_key_is_looked_for_too_late(
    keys: list[int], sizes: list[int], data: st.DataObject
) -> None:
    """However commits fall on stretches, an event is in the part that is looked at."""
    heard_from = data.draw(st.integers(0, len(keys)))
    log = IdFilters(Reader(None, head=int), heard_from)  # type: ignore[arg-type]
    log._stretch = 8
    log._open = filters._Open(heard_from, 8)
    at = heard_from
    while at < len(keys):
        size = sizes.pop()
        log.learn(Commit(at + 1, [(key,) for key in keys[at : at + size]], 0))  # type: ignore[misc]
        at += size
    for number in data.draw(st.sets(st.integers(0, heard_from // 8))):
        if number not in log._filters and 8 * number + 8 <= len(keys):  # as built from the tables
            log._filters[number] = Bloom(8, filters.FALSE_POSITIVES, int)
            log._filters[number].update(keys[number * 8 : number * 8 + 8])
    young = data.draw(st.integers(0, len(keys)))
    window = log.window(1, young)
    for offset, key in enumerate(keys, 1):
        if offset >= young:
            assert window.since([2**63 - 1, key]) <= offset
    if heard_from == 0:
        assert window.known == len(keys)


def test_what_was_deleted_before_it_was_told_leaves_no_gap() -> None:
    log = IdFilters(Reader(None, head=int), 3)  # type: ignore[arg-type]
    log._stretch = 8
    log._open = filters._Open(3, 8)
    assert not log.learn(Commit(4, [(4,), (5,)], 0))  # type: ignore[list-item]
    assert log.learn(Commit(27, [(key,) for key in range(27, 35)], 0))  # type: ignore[misc]
    window = log.window(1, 9)
    assert (window.known, len(window.filters)) == (34, 4)
    assert window.since([34]) == window.since([27]) == 9
    assert log.window(1, 2).filters == (), "of the first stretch nobody knows all"
