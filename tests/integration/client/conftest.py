from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.site import Site, serving
from tools.ports import free_port


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving(Site(), free_port()) as running:
        yield running
