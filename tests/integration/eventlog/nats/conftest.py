"""A database, and a NATS server for a stream in front of it."""

from __future__ import annotations

import pytest

from event_system.sql.dsn import Dsn
from tests.support.sql import SharedDatabases


@pytest.fixture
def dsn(databases: SharedDatabases) -> Dsn:
    return databases.emptied("postgresql")


@pytest.fixture
def urls(databases: SharedDatabases) -> tuple[str, ...]:
    return databases.nats.urls
