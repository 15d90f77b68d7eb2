"""Nodes whose clocks are five minutes wrong, beside one that is right: nobody sees a difference."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from event_system import Event, Listener, Retry, listener
from event_system.events.codec import Draft
from event_system.events.listener import listeners_of
from event_system.kernel.clock import SystemClock, to_datetime
from event_system.node.core import Core
from tests.support.cores import core_on
from tests.support.sql import SharedDatabases
from tests.support.waiting import until

SECOND_US = 1_000_000
FIVE_MINUTES_US = 5 * 60 * SECOND_US
RIGHT = SystemClock()
WRONG_BY = {"ahead": FIVE_MINUTES_US, "behind": -FIVE_MINUTES_US, "right": 0}

pytestmark = pytest.mark.service("postgresql")


class WrongClock(SystemClock):
    """A machine's clock that is ahead by `by_us`."""

    def __init__(self, by_us: int) -> None:
        self._by_us = by_us

    def now_us(self) -> int:
        return super().now_us() + self._by_us


class Nodes:
    """One node each with a clock that is ahead, behind, and right; they have handled events."""

    def __init__(self) -> None:
        self.cores: dict[str, Core] = {}
        self.attempts: dict[str, list[int]] = {}
        """When each event was handled, by its id."""

    def listeners(self) -> list[Listener]:
        @listener("drill.*", name="failing", retry=Retry(attempts=3, base=0.5))
        async def failing(event: Event) -> None:
            attempts = self.attempts.setdefault(event.id, [])
            attempts.append(RIGHT.now_us())
            if len(attempts) == 1:
                raise RuntimeError("once")

        return list(listeners_of(failing))

    async def send(self, core: Core, id_: str, due_us: int | None = None) -> None:
        due = None if due_us is None else to_datetime(due_us)
        draft = Draft("drill.event", id=id_, subject=id_, deliver_at=due)
        row = core.manager.admit(draft, "test")
        await core.delayed.trigger([core.delayed.held(draft, row)])


@pytest.fixture
async def nodes(tmp_path: Path, databases: SharedDatabases) -> AsyncIterator[Nodes]:
    dsn, nodes = databases.emptied("postgresql"), Nodes()
    async with AsyncExitStack() as stack:
        for name, by_us in WRONG_BY.items():
            nodes.cores[name] = await stack.enter_async_context(
                core_on(dsn, tmp_path / name, nodes.listeners(), clock=WrongClock(by_us))
            )
        yield nodes


async def test_events_retries_and_delays_go_by_the_databases_clock(nodes: Nodes) -> None:
    began_us = RIGHT.now_us()
    due_us = began_us + 2 * SECOND_US
    for name, core in nodes.cores.items():
        await nodes.send(core, f"now {name}")
        await nodes.send(core, f"later {name}", due_us)
    now, later = ([f"{when} {name}" for name in nodes.cores] for when in ("now", "later"))

    await until(lambda: all(len(nodes.attempts.get(id_, ())) == 2 for id_ in [*now, *later]))

    ended_us = RIGHT.now_us()
    events = (await nodes.cores["right"].log.read(0, 100)).events
    received = [event.received_us for event in events]
    assert received == sorted(received)
    assert began_us - SECOND_US < received[0]
    assert received[-1] < ended_us + SECOND_US
    for id_ in later:
        assert nodes.attempts[id_][0] > due_us - SECOND_US
    for first, second in nodes.attempts.values():
        assert second - first < 15 * SECOND_US


async def test_pauses_and_health_go_by_the_databases_clock(nodes: Nodes) -> None:
    ahead, behind, right = (nodes.cores[name] for name in ("ahead", "behind", "right"))
    assert [c.cluster is not None and c.cluster.clock.is_off for c in (ahead, behind, right)] == [
        *(True, True, False),
    ]
    until_us = RIGHT.now_us() + 60 * SECOND_US
    await behind.control.pause("failing", until_us)
    for core in nodes.cores.values():
        await until(lambda core=core: core.dispatcher.subscriptions["failing"].paused)  # type: ignore[misc]

    assert all(core.dispatcher.subscriptions["failing"].paused for core in nodes.cores.values())
