"""What a node handles with care, others find: at once, in few transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from event_system.database.sql.access import Access
from event_system.database.sql.board import ServerBoard
from event_system.kernel.errors import LeaseLostError
from event_system.sql.database import Database
from tests.support.sql import ENGINES, SharedDatabases, opened

KEYS = [f"x/{number}" for number in range(100)]


@pytest.fixture(params=ENGINES)
async def database(
    request: pytest.FixtureRequest, databases: SharedDatabases
) -> AsyncIterator[Database]:
    async with opened(databases.fresh(request.param)) as database:
        yield database


class Fence:
    """Counts transactions; lets none through once it is shut."""

    def __init__(self) -> None:
        self.passed = 0
        self.shut = False

    def __call__(self, connection: sa.Connection) -> None:
        if self.shut:
            raise LeaseLostError("another node has it")
        self.passed += 1


async def test_what_one_shows_others_find_until_it_is_forgotten(
    database: Database, tmp_path: Path
) -> None:
    fence = Fence()
    mine = ServerBoard(tmp_path / "none", Access(database, fence))
    other = ServerBoard(tmp_path / "none", Access(database, Fence()))
    places = mine.lay(KEYS)

    await asyncio.gather(*(mine.show(place, 7 + at) for at, place in enumerate(places)))

    assert fence.passed <= 3
    assert await other.shown(KEYS) == {key: 7 + at for at, key in enumerate(KEYS)}
    await mine.show(places[0], 0)
    await mine.show(places[1], 9)
    await other.forget(KEYS[2:])
    assert await other.shown([*KEYS, "never laid"]) == {KEYS[1]: 9}


async def test_who_is_no_member_shows_nothing_and_is_told(
    database: Database, tmp_path: Path
) -> None:
    fence = Fence()
    board = ServerBoard(tmp_path / "none", Access(database, fence))
    places = board.lay(KEYS)
    fence.shut = True

    found = await asyncio.gather(*(board.show(p, 1) for p in places), return_exceptions=True)

    assert {type(each) for each in found} == {LeaseLostError}
    assert await board.shown(KEYS) == {}
