"""Brokers of these tests' own, and a topic on them."""

from __future__ import annotations

import pytest

from tests.support.kafka import KafkaBrokers
from tests.support.sql import SharedDatabases
from tests.support.stream_log import new_name


@pytest.fixture
def brokers(databases: SharedDatabases) -> KafkaBrokers:
    return databases.kafka


@pytest.fixture
def name(brokers: KafkaBrokers) -> str:
    """Of a topic that is there and has nobody's records."""
    name = new_name()
    brokers.topic(name)
    return name
