"""The fixture `place`: every kind of place where state is kept, empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from event_system.sql import migrate
from event_system.sql.dsn import Dsn
from tests.contract.state.places import Place, State, clear, embedded, on_server
from tests.support.sql import ENGINES, connecting, fresh_database, opened


@pytest.fixture(scope="session")
def state_on() -> Iterator[Callable[[str], Dsn]]:
    """A migrated database of a server, without what an earlier test has left."""
    with ExitStack() as stack:

        @cache
        def migrated(engine: str) -> tuple[Dsn, sa.Connection]:
            dsn = stack.enter_context(fresh_database(engine, "state"))
            migrate.upgrade(dsn)
            return dsn, stack.enter_context(connecting(dsn))

        def cleared(engine: str) -> Dsn:
            dsn, connection = migrated(engine)
            clear(connection)
            return dsn

        yield cleared


@pytest.fixture(params=["embedded", *ENGINES])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, state_on: Callable[[str], Dsn]
) -> AsyncIterator[Place]:
    if request.param == "embedded":
        place = await embedded(tmp_path)
        yield place
        await place.state.close()
        return
    async with opened(state_on(request.param)) as database:
        place = await on_server(database)
        yield place
        await place.state.close()


@pytest.fixture
def state(place: Place) -> State:
    return place.state
