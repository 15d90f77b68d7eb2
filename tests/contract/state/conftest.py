"""The fixture `place`: every kind of place where state is kept, empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.state.places import Place, State, embedded


@pytest.fixture(params=["embedded"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    place = await embedded(tmp_path)
    yield place
    await place.state.close()


@pytest.fixture
def state(place: Place) -> State:
    return place.state
