"""A wall clock that is set back or forward: failed deliveries wait for their pauses, not for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from event_system.delivery.ports import Selection
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.ports import Transaction
from event_system.events.retry import Retry
from tests.support.clock import HOUR_US
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.waiting import until

SOON = Retry(attempts=4, base=0.2, factor=1)
KINDS: tuple[dict[str, Any], ...] = (
    {"on_failure": "park"},
    {"on_failure": "block"},
    {"on_failure": "park", "batch": 10},
    {"on_failure": "block", "batch": 10},
)
pytestmark = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values()))
)


class Stumbling:
    """A handler that fails for the second event until it may not."""

    def __init__(self) -> None:
        self.fails = True
        self.failed = 0
        self.handled: list[int] = []

    async def __call__(self, event: Event) -> None:
        self._handle([event])

    async def batch(self, events: list[Event], tx: Transaction) -> None:
        self._handle(events)

    def _handle(self, events: Iterable[Event]) -> None:
        offsets = [event.offset for event in events]
        if self.fails and 2 in offsets:
            self.failed += 1
            raise ValueError("no")
        self.handled += offsets


def listener(handler: Stumbling, kind: dict[str, Any], retry: Retry = SOON) -> Listener:
    handle = handler.batch if "batch" in kind else handler
    return Listener(
        name="x", patterns=(">",), handler=handle, start="beginning", retry=retry, **kind
    )


@pytest.mark.parametrize("hours", [[-1], [1], [1, -1]])
async def test_a_retry_waits_for_its_pause_and_not_for_the_clock(
    tmp_path: Path, kind: dict[str, Any], hours: list[int]
) -> None:
    log, handler = MemoryLog(), Stumbling()
    async with Bench(tmp_path, log, [listener(handler, kind)]) as bench:
        feed(log, 1, subjects=1)
        await until(lambda: handler.handled == [1])
        feed(log, 1, subjects=1)
        await until(lambda: bench.counts("x").retrying == 1 and bool(bench.dispatcher.next_us))
        handler.fails = False
        for each in hours:
            bench.ahead_us += each * HOUR_US
        feed(log, 3, subjects=1)
        await until(lambda: set(handler.handled) == {1, 2, 3, 4, 5})
        await until(lambda: bench.counts("x").retrying == 0)
    assert len(handler.handled) == 5


async def test_after_a_restart_it_waits_no_longer_than_its_pause(
    tmp_path: Path, kind: dict[str, Any]
) -> None:
    log, handler = MemoryLog(), Stumbling()
    async with Bench(tmp_path, log, [listener(handler, kind)]) as bench:
        bench.ahead_us = HOUR_US
        feed(log, 2, subjects=1)
        await until(lambda: bench.counts("x").retrying == 1)
    handler.fails = False
    async with Bench(tmp_path, log, [listener(handler, kind)]) as bench:
        feed(log, 3, subjects=1)
        await until(lambda: set(handler.handled) >= {1, 2, 3, 4, 5})
        await until(lambda: bench.counts("x").retrying == 0)


async def test_dead_letters_from_the_future_can_be_requeued_and_are_due(
    tmp_path: Path, kind: dict[str, Any]
) -> None:
    log, handler = MemoryLog(), Stumbling()
    once = listener(handler, kind, Retry(attempts=1))
    async with Bench(tmp_path, log, [once]) as bench:
        bench.ahead_us = HOUR_US
        feed(log, 2, subjects=1)
        await until(lambda: bench.counts("x").dead == 1)
        bench.ahead_us = 0
        handler.fails = False
        assert await bench.dead_letters.requeue(Selection(), expect=1) == 1
        await until(lambda: set(handler.handled) == {1, 2})
        await until(lambda: bench.counts("x").dead == 0)


async def test_what_was_requeued_before_the_clock_was_set_back_does_not_wait_for_it(
    tmp_path: Path, kind: dict[str, Any]
) -> None:
    log, handler = MemoryLog(), Stumbling()
    once = listener(handler, kind, Retry(attempts=1))
    async with Bench(tmp_path, log, [once]) as bench:
        feed(log, 2, subjects=1)
        await until(lambda: bench.counts("x").dead == 1)
        handler.fails = False
        bench.dispatcher.hold("x", held=True)
        bench.ahead_us = HOUR_US
        assert await bench.dead_letters.requeue(Selection()) == 1
    async with Bench(tmp_path, log, [once]) as bench:
        await until(lambda: set(handler.handled) == {1, 2})
        await until(lambda: bench.counts("x").dead == bench.counts("x").retrying == 0)
