"""What every test shares: the marker that says which servers it needs, and databases on them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.sql import SharedDatabases
from tools.services import SERVICES

settings.register_profile(
    "patient",  # how long an example takes says more of the machine than of the code
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """No name of a test has the time in it at which gzip has packed something.

    Test processes that find tests of different names run none at all.
    """
    if not isinstance(val, bytes) or val[:2] != b"\x1f\x8b":
        return None
    return f"{argname}-{zlib.crc32(val[:4] + val[8:]):08x}"


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed may be no UTF-8, and goes from one process to another."""
    report = yield
    report.sections = [(name, _encodable(text)) for name, text in report.sections]
    return report


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


@pytest.fixture(scope="session")
def databases() -> Iterator[SharedDatabases]:
    shared = SharedDatabases()
    yield shared
    shared.close()
