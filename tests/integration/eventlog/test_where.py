"""Conditions on data in the embedded log: as plain Python says, within the time of a page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.eventlog.sqlite import history as history_module
from event_system.eventlog.sqlite.history import SqliteHistory
from event_system.eventlog.sqlite.reader import Reader
from event_system.events.event import Row, event_of
from event_system.events.ports import PAGE_SECONDS, Filter, Page
from event_system.events.where import DataTest, parse_where
from tests.support.rows import row
from tests.support.stored_log import StoredLog

NAMES = ("a", "b", "a b", "é")
numbers = st.integers(-3, 3) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(st.characters(codec="utf-8"), max_size=4)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=5,
)
paths = st.lists(st.sampled_from((*NAMES, 0, 1)), min_size=0, max_size=2).map(tuple)
operators = st.sampled_from(("=", "!=", "<", "<=", ">", ">=", "exists"))
spellings = st.sampled_from(['"a"', '"b"', r'"\u0061"', '"a b"'])


@st.composite
def repetitive(draw: st.DrawFn) -> bytes:
    """An object whose members may be named twice, and one of them may be such an object."""
    pairs = draw(st.lists(st.tuples(spellings, values), min_size=1, max_size=4))
    inner = draw(st.lists(st.tuples(spellings, values), max_size=3))
    written = [f"{name}:{json.dumps(value)}" for name, value in pairs]
    nested = ",".join(f"{name}:{json.dumps(value)}" for name, value in inner)
    written.insert(draw(st.integers(0, len(written))), f'"a":{{{nested}}}')
    return f"{{{','.join(written)}}}".encode()


NO_JSON = (
    None,
    b"no json",
    b'{"a":1',
    b"[" * 100_000 + b"]" * 100_000,
    b"1e999",
    b'{"a":"\\ud800"}',
)


def stored(number: int, value: Any) -> Row:
    data = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    made = row(f"e{number}", subject=f"p{number % 2}", data=data)
    media_type = (None, "application/json; charset=utf-8", "text/plain")[number % 7 % 3]
    return (*made[:11], media_type, *made[12:])


async def found(
    directory: Path,
    query: Filter,
    *,
    limit: int = 5,
    newest_first: bool = False,
    monotonic: Callable[[], float] = lambda: 0.0,
) -> list[Page]:
    """All pages of a search."""
    reader = Reader(directory)
    history = SqliteHistory(reader, monotonic)
    pages: list[Page] = []
    cursor = None
    try:
        while not pages or cursor is not None:
            page = await history.find(query, limit=limit, newest_first=newest_first, cursor=cursor)
            pages.append(page)
            cursor = page.next
    finally:
        await reader.close()
    return pages


def offsets(pages: Iterable[Page]) -> list[int]:
    return [event.offset for page in pages for event in page.events]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(values | st.sampled_from(NO_JSON) | repetitive(), min_size=1, max_size=20),
    st.data(),
    st.booleans(),
)
def test_a_search_finds_what_plain_python_finds(
    contents: Sequence[Any], data: st.DataObject, newest_first: bool
) -> None:
    known = st.sampled_from([v for v in contents if not isinstance(v, bytes | dict | list)] or [1])
    tests = data.draw(
        st.lists(st.builds(DataTest, paths, operators, scalars | known), min_size=1, max_size=2)
    )
    rows = [stored(number, value) for number, value in enumerate(contents)]
    with TemporaryDirectory() as directory:
        log = StoredLog(Path(directory))
        log.append(rows)
        log.build_index()
        query = Filter(subject="p1", where=tuple(tests))
        pages = asyncio.run(found(Path(directory), query, newest_first=newest_first))
        log.close()

    events = [event_of(offset, each) for offset, each in enumerate(rows, 1)]
    expected = [e.offset for e in events if e.subject == "p1" and all(t.holds(e) for t in tests)]
    assert offsets(pages) == sorted(expected, reverse=newest_first)


NUMBERS = (
    *("0", "-0.0", "0.1", "1e22", "1E-7", "9007199254740993", "9223372036854775807"),
    *("9223372036854775808", "123456789012345678901234567890", f"1{'0' * 320}", "-1e308"),
    *("1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "2.5e-310", "1e400"),
    *("0.1000000000000000055511151231257827", "179769313486231570000000000000000000001.5"),
    *("0.30000000000000004", "8.41e21", "9.5367431640625e-07", "123456.789e-300", "4.35"),
)


async def test_numbers_are_found_however_sqlite_rounds_them(tmp_path: Path) -> None:
    made = StoredLog(tmp_path)
    made.append(row(f"e{n}", data=b'{"n":%b}' % text.encode()) for n, text in enumerate(NUMBERS))
    made.build_index()
    events = [event_of(offset, each) for offset, each in enumerate(made.rows, 1)]
    tests = [
        DataTest(("n",), operator, event.data["n"])
        for event in events
        for operator in ("=", "<=", ">=")
    ]

    for test in tests:
        pages = await found(tmp_path, Filter(where=(test,)))
        assert offsets(pages) == [e.offset for e in events if test.holds(e)], test
    made.close()


WRITTEN = (
    *('{"name":"Zoë/1"}', r'{"name":"Zo\u00eb/1"}', r'{"name":"Zo\u00EB\/1"}'),
    *(r'{"n\u0061me":"Zoë/1"}', '{"name":"Zoë"}', '{"nam":"Zoë/1"}', '{"name":["Zoë/1"]}'),
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("data.name=Zoë/1", [1, 2, 3, 4]), ("data.name exists", [1, 2, 3, 4, 5, 7])],
)
async def test_names_and_texts_are_found_however_they_are_escaped(
    tmp_path: Path, condition: str, expected: list[int]
) -> None:
    made = StoredLog(tmp_path)
    made.append(row(f"e{n}", data=text.encode()) for n, text in enumerate(WRITTEN))
    made.build_index()

    pages = await found(tmp_path, Filter(where=parse_where([condition])))

    made.close()
    assert offsets(pages) == expected


@pytest.fixture
def log(tmp_path: Path) -> Iterable[StoredLog]:
    made = StoredLog(tmp_path)
    edges = {30: b',"edge":1', 69: b',"edge":1'}  # the first and the last of what a page looks at
    made.append(row(f"e{n}", data=b'{"n":%d%b}' % (n, edges.get(n, b""))) for n in range(100))
    made.build_index()
    yield made
    made.close()


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_page_whose_time_is_over_is_short_and_the_next_goes_on(
    log: StoredLog, monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    monkeypatch.setattr(history_module, "_FIRST_WINDOW", 10)
    monkeypatch.setattr(history_module, "_LEAST_WINDOW", 10)
    now = count(0.0, PAGE_SECONDS / 2 + 1e-9)  # two windows take the time of a page

    pages = await found(
        log.directory,
        Filter(where=parse_where(["data.edge exists"])),
        newest_first=newest_first,
        monotonic=lambda: next(now),
    )

    assert [len(page.events) for page in pages] == [0, 1, 0, 1, 0]
    assert offsets(pages) == ([70, 31] if newest_first else [31, 70])


async def test_a_window_is_no_larger_than_the_time_left_allows(
    log: StoredLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "_FIRST_WINDOW", 40)
    monkeypatch.setattr(history_module, "_LEAST_WINDOW", 1)
    moments = chain([0.0, 0.8 * PAGE_SECONDS, PAGE_SECONDS], count(1.0))

    pages = await found(
        log.directory,
        Filter(where=parse_where(["data.n<0"])),
        monotonic=lambda: next(moments),
    )

    assert pages[0].next == 50  # as 40 took four fifths of the time


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(0.0, 2 * PAGE_SECONDS), min_size=1, max_size=30),
    st.integers(1, 60),
    st.integers(1, 30),
    st.integers(1, 9),
    st.sets(st.integers(1, 150)),
    st.booleans(),
)
def test_pages_make_up_the_whole_whatever_they_take(
    steps: Sequence[float],
    first: int,
    least: int,
    limit: int,
    wanted: set[int],
    newest_first: bool,
) -> None:
    moments = accumulate(cycle([*steps, PAGE_SECONDS]))
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_module, "_FIRST_WINDOW", first)
        patch.setattr(history_module, "_LEAST_WINDOW", least)
        log = StoredLog(Path(directory), run_events=32)
        log.append(row(f"e{n}", data=b'{"n":%d}' % (n in wanted)) for n in range(1, 151))
        log.build_index()
        query = Filter(where=parse_where(["data.n=1"]))
        pages = asyncio.run(
            found(
                Path(directory),
                query,
                limit=limit,
                newest_first=newest_first,
                monotonic=lambda: next(moments),
            )
        )
        log.close()

    assert offsets(pages) == sorted(wanted, reverse=newest_first)


async def test_quick_windows_grow(log: StoredLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "_FIRST_WINDOW", 1)
    looks: list[float] = []

    def monotonic() -> float:
        looks.append(0.0)
        return 0.0

    pages = await found(
        log.directory, Filter(where=parse_where(["data.n=99"])), monotonic=monotonic
    )

    assert offsets(pages) == [100]
    assert len(looks) <= 8  # 1 + 2 + 4 + … events


async def test_a_full_page_is_answered_at_once(log: StoredLog) -> None:
    query = Filter(where=parse_where(["data.n<5"]))

    pages = await found(log.directory, query, limit=5)

    assert [len(page.events) for page in pages] == [5, 0]
