"""What every test shares: the marker that says which servers it needs, and databases on them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.sql import SharedDatabases
from tools.services import SERVICES


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.service("redis")`: without it skips on a laptop, fails where it must be."""
    needed = {name for marker in item.iter_markers("service") for name in marker.args}
    missing = sorted(name for name in needed if not SERVICES[name].ready())
    if not missing:
        return
    reason = f"not running: {', '.join(missing)} (`make services` starts them)"
    if os.environ.get("EVENT_SYSTEM_REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def databases() -> Iterator[SharedDatabases]:
    shared = SharedDatabases()
    yield shared
    shared.close()
