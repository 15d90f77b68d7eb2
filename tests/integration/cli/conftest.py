from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.site import Site, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving(Site()) as running:
        yield running


@pytest.fixture
async def other() -> AsyncIterator[Site]:
    """A second node, with nothing stored."""
    async with serving(Site()) as running:
        yield running
