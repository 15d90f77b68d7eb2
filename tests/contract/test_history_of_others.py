"""What every `History` promises of logs of their own: one with twins, and an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest

from event_system.events.event import Event
from event_system.events.ports import Filter, History
from event_system.events.where import parse_where
from tests.support.histories import HISTORIES, PARAMS, OpenHistory
from tests.support.rows import row
from tests.support.sql import SharedDatabases


@pytest.fixture(params=PARAMS)
def open_history(request: pytest.FixtureRequest) -> OpenHistory:
    return HISTORIES[request.param]


async def test_the_newest_event_of_an_id_is_found(
    open_history: OpenHistory, tmp_path: Path, databases: SharedDatabases
) -> None:
    rows = [row("same", source=("game", "web", "ops")[number // 10]) for number in range(30)]

    async with open_history(tmp_path, rows, databases) as history:
        newest, of_game = await history.get("same"), await history.get("same", "game")

    assert newest is not None
    assert newest.offset == 30
    assert of_game is not None
    assert of_game.offset == 10


async def found(history: History, query: Filter) -> list[Event]:
    return (await history.find(query, limit=7, newest_first=False, cursor=None)).events


WRITTEN = (
    *('{"name":"Zoë/1"}', r'{"name":"Zo\u00eb/1"}', r'{"n\u0061me":"Zoë/1"}', '{"name":"zoë/1"}'),
    *('{"name":"Zoë"}', '{"nam":"Zoë/1"}', '{"name":"100%"}', '{"name":"100s"}', '{"name":"a_b!"}'),
    *('{"name":"axb!"}', r'{"name":"a\\b"}', r'{"name":"say \"a\""}', '{"na%me":1}', "no json"),
    *(r'{"name":"\u0000"}', "", '{"name":["Zoë/1"]}'),
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("data.name=Zoë/1", [1, 2, 3]),
        ("data.name=100%", [7]),
        ("data.name=a_b!", [9]),
        ("data.name=a\\b", [11]),
        ('data.name=say "a"', [12]),
        ('data.name="\\u0000"', [15]),
        ("data.na%me exists", [13]),
        ("data.name[0]=Zoë/1", [17]),
    ],
)
async def test_names_and_texts_are_found_however_they_are_written(
    open_history: OpenHistory,
    tmp_path: Path,
    databases: SharedDatabases,
    condition: str,
    expected: list[int],
) -> None:
    rows = [row(f"e{n}", data=text.encode()) for n, text in enumerate(WRITTEN)]

    async with open_history(tmp_path, rows, databases) as history:
        query, offsets = Filter(where=parse_where([condition])), list[int]()
        at: int | None = 0
        while at is not None:
            page = await history.find(query, limit=7, newest_first=False, cursor=at)
            offsets += [event.offset for event in page.events]
            at = page.next

    assert offsets == expected


async def test_an_empty_log_has_an_empty_history(
    open_history: OpenHistory, tmp_path: Path, databases: SharedDatabases
) -> None:
    async with open_history(tmp_path, [], databases) as history:
        assert await found(history, Filter(since_us=1, until_us=2)) == []
        assert await found(history, Filter(pattern="player.*", subject="p1")) == []
        assert await history.get("e1") is None
        assert await history.at(1) is None
