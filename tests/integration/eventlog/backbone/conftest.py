"""A database, and streams of each broker to put in front of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from event_system.eventlog.backbone.stream import Stream
from event_system.sql.dsn import Dsn
from tests.support.brokers import BROKERS, EACH
from tests.support.sql import SharedDatabases


@pytest.fixture
def dsn(databases: SharedDatabases) -> Dsn:
    return databases.emptied("postgresql")


@pytest.fixture(params=EACH)
def make(request: pytest.FixtureRequest, databases: SharedDatabases) -> Callable[[str], Stream]:
    """Makes a client of the stream of a name."""
    return partial(BROKERS[request.param], databases)
