"""Reads off the loop: slices of the log for listeners, searches with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event as Flag

import apsw
import pytest

from event_system.eventlog.sqlite import reader as module
from event_system.eventlog.sqlite.reader import Reader
from event_system.kernel.errors import SlowQueryError, StoppingError, StorageError
from tests.support.rows import LANES, row
from tests.support.stored_log import StoredLog
from tests.support.waiting import until

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    log = StoredLog(tmp_path)
    log.append([row(f"e{number}", subject=f"p{number}", data=b"x" * 50) for number in range(100)])
    log.build_index()
    reader = Reader(tmp_path, threads=1, deadline_seconds=20)
    yield reader
    await reader.close()
    log.close()


async def test_a_slice_begins_after_its_offset_and_is_in_order(reader: Reader) -> None:
    read = await reader.read_after(10, 5)

    assert [event.offset for event in read.events] == [11, 12, 13, 14, 15]
    assert read.through == 15


async def test_a_slice_that_reaches_the_end_says_so(reader: Reader) -> None:
    last, beyond = await reader.read_after(97, 100), await reader.read_after(500, 100)

    assert [event.offset for event in last.events] == [98, 99, 100]
    assert last.through == 100
    assert (beyond.events, beyond.through) == ([], 500)


async def test_lanes_are_read_apart_and_hold_every_event_together(reader: Reader) -> None:
    by_lane = [await reader.read_after(0, 1000, frozenset({lane})) for lane in range(LANES)]
    pair = await reader.read_after(0, 1000, frozenset({0, 3}))

    assert all(event.lane == lane for lane, read in enumerate(by_lane) for event in read.events)
    assert sorted(e.offset for read in by_lane for e in read.events) == list(range(1, 101))
    assert {read.through for read in by_lane} == {100}
    assert len(pair.events) == len(by_lane[0].events) + len(by_lane[3].events)
    assert (await reader.read_after(0, 10, frozenset())).through == 100


async def test_a_read_looks_at_a_bounded_part_of_the_log(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCAN_WINDOW", 30)
    after, found = 0, []
    while after < 100:
        read = await reader.read_after(after, 1000, frozenset({1}))
        assert after < read.through <= after + 30
        found += read.events
        after = read.through

    monkeypatch.undo()
    assert found == (await reader.read_after(0, 1000, frozenset({1}))).events


async def test_a_slice_of_large_events_ends_early(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SLICE_BYTES", 120)

    read = await reader.read_after(0, 1000)

    assert [event.offset for event in read.events] == [1, 2, 3]
    assert read.through == 3


async def test_a_search_ends_at_its_deadline_and_frees_its_thread(tmp_path: Path) -> None:
    log = StoredLog(tmp_path)
    log.build_index()
    reader = Reader(tmp_path, threads=1, deadline_seconds=0.2)
    ended = Flag()

    def search(connection: apsw.Connection) -> None:
        try:
            connection.execute(ENDLESS)
        finally:
            ended.set()

    with pytest.raises(SlowQueryError):
        await reader.run(search)
    await until(ended.is_set)
    await reader.close()
    log.close()


async def test_a_caller_that_goes_away_ends_its_search(reader: Reader) -> None:
    began = Flag()

    def search(connection: apsw.Connection) -> None:
        began.set()
        connection.execute(ENDLESS)

    task = asyncio.create_task(reader.run(search))
    await until(began.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await reader.run(lambda connection: connection.execute("SELECT 7").get) == 7


async def test_listeners_do_not_wait_behind_searches(reader: Reader) -> None:
    began = Flag()

    def search(connection: apsw.Connection) -> None:
        began.set()
        connection.execute(ENDLESS)

    task = asyncio.create_task(reader.run(search))
    await until(began.is_set)

    assert len((await reader.read_after(0, 10)).events) == 10
    assert not task.done()
    task.cancel()


async def test_closing_ends_what_is_running_and_refuses_what_comes(reader: Reader) -> None:
    began = Flag()

    def search(connection: apsw.Connection) -> None:
        began.set()
        connection.execute(ENDLESS)

    task = asyncio.create_task(reader.run(search))
    await until(began.is_set)
    await reader.close()

    with pytest.raises(StoppingError):
        await task
    with pytest.raises(StoppingError):
        await reader.read_after(0, 1)


async def test_a_store_that_cannot_be_read_is_told_as_such(reader: Reader) -> None:
    with pytest.raises(StorageError, match="absent"):
        await reader.run(lambda connection: connection.execute("SELECT * FROM absent"))
