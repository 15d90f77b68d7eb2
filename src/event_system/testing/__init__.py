"""For the tests of your listeners: a node in memory whose time stands still until you move it.

async with MemoryNode(listeners=[greet]) as node:
    await node.trigger("player.level_up", {"level": 10}, subject="player-1")
    await node.expect_handled("greet", "player.level_up")
    await node.advance(timedelta(hours=1))

pytest finds the fixture `event_node` by itself: a `MemoryNode` for each call.
"""

from __future__ import annotations

from event_system.testing.clock import ManualClock
from event_system.testing.node import MemoryNode

__all__ = ["ManualClock", "MemoryNode"]
