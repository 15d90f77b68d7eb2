from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.site import Site, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving(Site()) as running:
        yield running


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with site.client() as client:
        yield client
