"""What pytest finds by itself: the fixture `event_node`."""

from __future__ import annotations

import pytest

from event_system.testing.node import MemoryNode


@pytest.fixture
def event_node() -> type[MemoryNode]:
    """`MemoryNode`: make as many nodes as a test needs, each with its listeners and types."""
    return MemoryNode
