"""What every `History` promises, over each implementation; `tests.support.histories` has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from event_system.eventlog.backbone import young
from event_system.eventlog.sql import history as sql_history
from event_system.eventlog.sql import search as sql_search
from event_system.eventlog.sqlite import history as sqlite_history
from event_system.events.event import Row, event_of
from event_system.events.ports import Filter, History, Page
from event_system.events.where import parse_where
from event_system.kernel.errors import InvalidPatternError
from tests.support.histories import HISTORIES, PARAMS
from tests.support.rows import row
from tests.support.sql import SharedDatabases

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPES = ("player.login", "player.level_up", "player.item.drop", "guild.war.end", "system")
ROWS = [
    row(
        f"e{number}",
        type_=TYPES[number % 5],
        source=("game", "web", "ops")[number % 3],
        subject=(None, "p1", "p2", "p3")[number % 4],
        received_us=1_000 + 10 * (number // 2),  # two events share each time
        data=b'{"n":%d}' % number,
    )
    for number in range(120)
]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PARAMS)
async def history(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    databases: SharedDatabases,
) -> AsyncIterator[History]:
    """One for all tests, which only look: some take seconds to fill."""
    directory = tmp_path_factory.mktemp("history")
    async with HISTORIES[request.param](directory, ROWS, databases) as opened:
        yield opened


async def all_offsets(
    history: History, query: Filter, *, limit: int = 7, newest_first: bool = False
) -> list[int]:
    """The offsets of all pages; checks that only the last one may be short."""
    found: list[int] = []
    cursor = None
    while True:
        page = await history.find(query, limit=limit, newest_first=newest_first, cursor=cursor)
        found += [event.offset for event in page.events]
        if page.next is None:
            return found
        assert len(page.events) == limit
        cursor = page.next


def offsets_where(chosen: Callable[[Row], bool]) -> list[int]:
    return [offset for offset, stored in enumerate(ROWS, 1) if chosen(stored)]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_everything_is_found_in_the_order_asked_for(
    history: History, newest_first: bool
) -> None:
    found = await all_offsets(history, Filter(), newest_first=newest_first)

    assert found == sorted(range(1, len(ROWS) + 1), reverse=newest_first)


async def test_a_found_event_is_whole(history: History) -> None:
    page = await history.find(Filter(), limit=3, newest_first=False, cursor=41)

    assert page.events == [event_of(offset, ROWS[offset - 1]) for offset in (42, 43, 44)]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("pattern", "types"),
    [
        ("player.login", {"player.login"}),
        ("player.*", {"player.login", "player.level_up"}),
        ("player.>", {"player.login", "player.level_up", "player.item.drop"}),
        ("*.*.*", {"player.item.drop", "guild.war.end"}),
        ("*.item.>", {"player.item.drop"}),
        ("*", {"system"}),
        (">", set(TYPES)),
        ("player", set()),
        ("guild.war.end.more", set()),
    ],
)
async def test_a_pattern_finds_the_types_that_it_matches(
    history: History, pattern: str, types: set[str], newest_first: bool
) -> None:
    found = await all_offsets(history, Filter(pattern=pattern), newest_first=newest_first)

    expected = offsets_where(lambda stored: stored[5] in types)
    assert found == sorted(expected, reverse=newest_first)


async def test_source_and_subject_are_compared_whole(history: History) -> None:
    web = await all_offsets(history, Filter(source="web"))
    player = await all_offsets(history, Filter(subject="p2"))
    none = await all_offsets(history, Filter(subject="p"))

    assert web == offsets_where(lambda stored: stored[6] == "web")
    assert player == offsets_where(lambda stored: stored[8] == "p2")
    assert none == []


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("pattern", "listened", "types"),
    [
        (None, ("player.login",), {"player.login"}),
        (None, ("player.login", "guild.>"), {"player.login", "guild.war.end"}),
        (None, ("player.*", "player.login"), {"player.login", "player.level_up"}),
        (None, ("system", ">"), set(TYPES)),
        ("player.*", ("*.login", "system"), {"player.login"}),
        ("player.login", ("player.*", "guild.>"), {"player.login"}),
        ("system", ("player.*", "guild.war.end"), set()),
    ],
)
async def test_what_a_listener_gets_is_found_by_its_patterns(
    history: History,
    pattern: str | None,
    listened: tuple[str, ...],
    types: set[str],
    newest_first: bool,
) -> None:
    query = Filter(pattern=pattern, listened=listened)

    found = await all_offsets(history, query, newest_first=newest_first)

    expected = offsets_where(lambda stored: stored[5] in types)
    assert found == sorted(expected, reverse=newest_first)


@pytest.mark.parametrize("newest_first", [False, True])
async def test_offsets_bound_a_search(history: History, newest_first: bool) -> None:
    query = Filter(subject="p2", after=42, through=62)

    found = await all_offsets(history, query, limit=2, newest_first=newest_first)

    expected = [n for n in offsets_where(lambda stored: stored[8] == "p2") if 42 < n <= 62]
    assert found == sorted(expected, reverse=newest_first)
    assert len(found) == 5


@pytest.mark.parametrize("newest_first", [False, True])
async def test_events_are_sifted_out_of_given_offsets(history: History, newest_first: bool) -> None:
    query = Filter(pattern="player.*", since_us=1_100, after=30)
    offsets = [1, 22, 31, 32, 36, 37, 40, 90, 91, 500]

    page = await history.among(offsets, query, newest_first=newest_first)

    kept = [n for n in offsets if 30 < n <= 120 and ROWS[n - 1][5] in TYPES[:2]]
    assert [event.offset for event in page.events] == sorted(kept, reverse=newest_first)
    assert page.next is None
    assert len(kept) > 3
    assert (await history.among([], query, newest_first=newest_first)).events == []


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("step", [1, 4, 10])
@pytest.mark.parametrize(
    ("conditions", "chosen"),
    [
        (["data.n>=60", "data.n<90"], lambda n: 60 <= n < 90),
        (["data.n=77"], lambda n: n == 77),
        (["data.n>=0"], lambda n: True),
        (["data.n<0"], lambda n: False),
    ],
)
async def test_pages_whose_time_is_over_make_up_the_whole(
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    conditions: list[str],
    chosen: Callable[[int], bool],
    step: int,
    newest_first: bool,
) -> None:
    for module in (sqlite_history, sql_history, young):
        monkeypatch.setattr(module, "PAGE_SECONDS", 0.0)
    for module in (sqlite_history, sql_search):
        monkeypatch.setattr(module, "_FIRST_WINDOW", step)
    monkeypatch.setattr(sql_search, "_READ_AT_ONCE", step)
    monkeypatch.setattr(sql_search, "_CANDIDATES", step + 1)
    query = Filter(subject="p3", where=parse_where(conditions))
    pages: list[Page] = []

    while not pages or pages[-1].next is not None:
        cursor = pages[-1].next if pages else None
        pages.append(await history.find(query, limit=4, newest_first=newest_first, cursor=cursor))

    found = [event.offset for page in pages for event in page.events]
    expected = [offset for offset in range(4, 121, 4) if chosen(offset - 1)]
    assert found == sorted(expected, reverse=newest_first)
    assert any(len(page.events) < 4 and page.next is not None for page in pages)
    places = [page.next for page in pages if page.next is not None]
    assert places == sorted(set(places), reverse=newest_first)


@pytest.mark.parametrize("newest_first", [False, True])
async def test_all_conditions_hold_at_once(history: History, newest_first: bool) -> None:
    query = Filter(pattern="player.>", source="game", subject="p3", since_us=1_100, until_us=1_500)

    found = await all_offsets(history, query, limit=2, newest_first=newest_first)

    expected = offsets_where(
        lambda stored: (
            stored[5].startswith("player.")
            and stored[6] == "game"
            and stored[8] == "p3"
            and 1_100 <= stored[10] < 1_500
        )
    )
    assert found == sorted(expected, reverse=newest_first)
    assert len(found) > 2


@pytest.mark.parametrize(
    ("since_us", "until_us", "offsets"),
    [
        (1_100, 1_120, [21, 22, 23, 24]),
        (1_101, 1_111, [23, 24]),
        (None, 1_010, [1, 2]),
        (1_590, None, [119, 120]),
        (1_591, None, []),
        (None, 1_000, []),
        (1_200, 1_100, []),
        (-(10**20), 10**20, list(range(1, 121))),
    ],
)
async def test_since_is_inclusive_and_until_exclusive(
    history: History, since_us: int | None, until_us: int | None, offsets: list[int]
) -> None:
    query = Filter(since_us=since_us, until_us=until_us)

    assert await all_offsets(history, query) == offsets
    assert await all_offsets(history, query, newest_first=True) == offsets[::-1]


async def test_a_page_that_ends_with_the_last_event_has_no_next(history: History) -> None:
    query = Filter(pattern="system")

    page = await history.find(query, limit=24, newest_first=False, cursor=None)

    assert len(page.events) == 24
    assert page.next is None


@pytest.mark.parametrize("cursor", [-1, 0, 121, 10**30])
@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_cursor_beyond_the_log_is_no_error(
    history: History, cursor: int, newest_first: bool
) -> None:
    page = await history.find(Filter(), limit=200, newest_first=newest_first, cursor=cursor)

    everything = (cursor > 120) == newest_first
    assert len(page.events) == (120 if everything else 0)
    assert page.next is None


async def test_a_malformed_pattern_is_refused(history: History) -> None:
    with pytest.raises(InvalidPatternError):
        await history.find(Filter(pattern="a..b"), limit=1, newest_first=True, cursor=None)


async def test_an_event_is_found_by_its_offset(history: History) -> None:
    assert await history.at(77) == event_of(77, ROWS[76])
    assert await history.at(0) is None
    assert await history.at(121) is None
    assert await history.at(10**30) is None


async def test_an_event_is_found_by_its_id(history: History) -> None:
    assert await history.get("e5") == event_of(6, ROWS[5])
    assert await history.get("e119") == event_of(120, ROWS[119])
    assert await history.get("e5", "web") is None
    assert await history.get("nobody") is None
