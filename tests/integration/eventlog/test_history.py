"""The embedded history: the same events by the index, by a scan, and by both at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.eventlog.sqlite import history as history_module
from event_system.eventlog.sqlite import search as search_module
from event_system.eventlog.sqlite.history import SqliteHistory
from event_system.eventlog.sqlite.reader import Reader
from event_system.eventlog.sqlite.schema import connect_reader
from event_system.eventlog.sqlite.search import Search
from event_system.eventlog.sqlite.snapshot import Snapshot
from event_system.eventlog.wanted import Wanted
from event_system.events.event import Event, Row
from event_system.events.ports import Filter, History
from tests.support.memory_history import MemoryHistory
from tests.support.memory_log import MemoryLog
from tests.support.rows import row
from tests.support.stored_log import StoredLog

TYPES = ("a", "b", "a.a", "a.b", "a.b.c", "b.b.c", "a-b.c", "a.b.c.d")
PATTERNS = (*TYPES, "none", "*", ">", "a.*", "a.>", "*.b", "*.*.c", "a.*.>", "*.b.>", "*.*.*.*.>")


@asynccontextmanager
async def history_of(log: StoredLog) -> AsyncIterator[SqliteHistory]:
    reader = Reader(log.directory)
    try:
        yield SqliteHistory(reader, lambda: 0.0)  # no page ends early
    finally:
        await reader.close()


async def all_events(
    history: History, query: Filter, *, limit: int, newest_first: bool, cursor: int | None = None
) -> list[Event]:
    found: list[Event] = []
    while True:
        page = await history.find(query, limit=limit, newest_first=newest_first, cursor=cursor)
        found += page.events
        assert len(page.events) == limit or page.next is None
        if page.next is None:
            return found
        cursor = page.next


# Any log, any search


def random_rows(chosen: random.Random, count: int) -> list[Row]:
    now = 0
    rows: list[Row] = []
    for _ in range(count):
        now += chosen.choice((0, 0, 1, 5))
        new = row(
            f"e{chosen.randrange(50)}",
            type_=TYPES[int(len(TYPES) * chosen.random() ** 3)],
            source=chosen.choice(("game", "web")),
            subject=chosen.choice((None, "p1", "p1", "p2")),
            received_us=now,
            data=b"%d" % len(rows),
        )
        rows.append(new)
    return rows


times = st.none() | st.integers(-5, 400)
filters = st.builds(
    Filter,
    pattern=st.none() | st.sampled_from(PATTERNS),
    source=st.sampled_from((None, None, "game", "web", "none")),
    subject=st.sampled_from((None, None, "p1", "p2", "none")),
    since_us=times,
    until_us=times,
)
searches = st.tuples(filters, st.integers(1, 20), st.booleans(), st.none() | st.integers(-2, 400))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    indexed=st.integers(0, 300),
    beyond=st.integers(0, 60),
    run_events=st.sampled_from((1, 3, 8, 64, 100, 130)),
    asked=st.lists(searches, min_size=1, max_size=12),
)
def test_any_search_finds_what_looking_at_every_event_finds(
    seed: int,
    indexed: int,
    beyond: int,
    run_events: int,
    asked: list[tuple[Filter, int, bool, int | None]],
) -> None:
    rows = random_rows(random.Random(seed), indexed + beyond)
    model = MemoryLog()
    model.rows = rows
    naive = MemoryHistory(model)

    async def compare(log: StoredLog) -> None:
        async with history_of(log) as history:
            for query, limit, newest_first, cursor in asked:
                found, expected = [
                    await all_events(
                        one, query, limit=limit, newest_first=newest_first, cursor=cursor
                    )
                    for one in (history, naive)
                ]
                assert found == expected
            for source in (None, "game"):
                assert await history.get("e7", source) == await naive.get("e7", source)

    with TemporaryDirectory() as directory:
        log = StoredLog(Path(directory), run_events)
        log.append(rows[:indexed])
        log.build_index()
        log.append(rows[indexed:])
        asyncio.run(compare(log))
        log.close()


async def test_no_event_is_missed_or_doubled_while_runs_are_built(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=16)
    log.append(random_rows(random.Random(5), 16 * 200))
    expected = [offset for offset, stored in enumerate(log.rows, 1) if stored[5] == "a.b"]
    built: SimpleQueue[int] = SimpleQueue()
    indexer = log.indexer(lambda first, last, run: built.put(last))
    seen_through = set()
    async with history_of(log) as history:
        await history.at(1)  # the connection is open
        indexer.start()
        while indexer.indexed_through < log.head:
            seen_through.add(indexer.indexed_through)
            for newest_first in (True, False):
                found = await all_events(
                    history, Filter(pattern="a.b"), limit=10_000, newest_first=newest_first
                )
                assert sorted(event.offset for event in found) == expected
    indexer.stop()
    log.close()
    assert len(seen_through) > 3


# Keys are only hashes


@pytest.mark.parametrize("indexed", [48, 0])
async def test_strings_of_the_same_hash_are_told_apart(
    tmp_path: Path, indexed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("id_key", "subject_key", "type_key", "source_key"):
        monkeypatch.setattr(search_module, key, lambda text: 7)
    rows = [
        (7, 7, 7, 7, 0, type_, source, id_, subject, *row("e")[9:])
        for type_, source, id_, subject in product(("a.b", "a.c", "b"), *[("x", "y")] * 3)
    ]
    log = StoredLog(tmp_path, run_events=4)
    log.append([*rows, *rows][:indexed])
    log.build_index()
    log.append([*rows, *rows][indexed:])
    async with history_of(log) as history:
        by_all = Filter(pattern="a.b", source="x", subject="y")
        found = await all_events(history, by_all, limit=3, newest_first=True)
        by_pattern = await all_events(history, Filter(pattern="a.*"), limit=50, newest_first=True)
        newest = await history.get("x", "y")
    log.close()
    assert [(e.type, e.source, e.subject) for e in found] == [("a.b", "x", "y")] * 4
    assert [event.offset for event in by_pattern] == [*range(40, 24, -1), *range(16, 0, -1)]
    assert newest is not None
    assert (newest.offset, newest.id, newest.source) == (46, "x", "y")


# The ways of a search


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(id="e1"),
        Wanted(subject="p1"),
        Wanted(source="game"),
        Wanted(pattern=("a", "b")),
        Wanted(pattern=("a", "*"), subject="p1"),
        Wanted(pattern=("a",), subject="p1", source="game"),
    ],
)
def test_no_search_sorts_or_looks_at_the_whole_log(
    tmp_path: Path, wanted: Wanted, newest_first: bool
) -> None:
    log = StoredLog(tmp_path)
    log.append(random_rows(random.Random(1), 50))
    log.build_index()
    connection = connect_reader(tmp_path)
    statements: list[tuple[str, Any]] = []

    def note(cursor: apsw.Cursor, sql: str, values: Any) -> bool:
        statements.append((sql, values))
        return True

    connection.exec_trace = note
    with Snapshot(connection) as view:
        found = list(Search(view, wanted, newest_first).events(1, view.head))
    connection.exec_trace = None
    plans = [
        str(step[3])
        for sql, values in statements
        if "ORDER BY" in sql
        for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)
    ]
    connection.close()
    log.close()
    assert found
    assert plans
    assert not [step for step in plans if "TEMP B-TREE" in step or "AUTOMATIC" in step]
    assert not [step for step in plans if step in ("SCAN e", "SCAN i", "SCAN p0", "SCAN p1")]


async def test_a_pattern_of_too_many_types_is_found_by_a_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = StoredLog(tmp_path)
    log.append([row(f"e{number}", type_=f"a.t{number % 30}") for number in range(100)])
    log.build_index()
    found = []
    for most in (30, 29):
        monkeypatch.setattr(search_module, "MAX_TYPES", most)
        async with history_of(log) as history:
            events = await all_events(history, Filter(pattern="a.*"), limit=9, newest_first=True)
        found.append([event.offset for event in events])
    log.close()
    assert found == [list(range(100, 0, -1))] * 2


async def test_a_page_of_large_events_ends_early_and_says_where_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "PAGE_BYTES", 1000)
    log = StoredLog(tmp_path)
    log.append([row(f"e{number}", data=b"x" * 400) for number in range(7)])
    log.build_index()
    pages: list[list[int]] = []
    cursor = None
    async with history_of(log) as history:
        while not pages or cursor is not None:
            page = await history.find(Filter(), limit=100, newest_first=False, cursor=cursor)
            pages.append([event.offset for event in page.events])
            cursor = page.next
    log.close()
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]
