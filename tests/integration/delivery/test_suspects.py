"""What was in hand when a process ended is begun one event after the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from event_system.delivery import care
from event_system.delivery.verdicts import ENDED
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.retry import Retry
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.rows import LANES
from tests.support.waiting import until

LONG_SECONDS, SHORT_SECONDS = 3_600.0, 0.01


class Holding:
    """Handles nothing before `go_on`; counts what it has in hand."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.handled: list[int] = []
        self.now = 0

    async def __call__(self, event: Event) -> None:
        self.now += 1
        try:
            await self.go_on.wait()
            await asyncio.sleep(0)
            self.handled.append(event.offset)
        finally:
            self.now -= 1


def board(handler: Holding) -> Listener:
    return Listener(
        name="board",
        patterns=(">",),
        handler=handler,
        start="beginning",
        retry=Retry(attempts=2),
    )


async def killed(directory: Path, log: MemoryLog) -> None:
    """An event of each lane was in hand when a process ended."""
    handler = Holding()
    bench = await Bench(directory, log, [board(handler)]).__aenter__()
    feed(log, 40, subjects=40)
    await until(lambda: handler.now == LANES)
    shown = (directory / "inflight.board").read_bytes()
    await bench.crash()
    (directory / "inflight.board").write_bytes(shown)


async def test_suspects_are_in_hand_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "TURN_SECONDS", LONG_SECONDS)
    log, handler = MemoryLog(), Holding()
    await killed(tmp_path, log)

    async with Bench(tmp_path, log, [board(handler)]) as bench:
        lanes = bench.dispatcher.subscriptions["board"].lanes.values()
        failures = [failure for lane in lanes for failure in lane.failed.values()]
        assert [(each.attempts, each.error) for each in failures] == [(1, ENDED)] * LANES
        await until(lambda: handler.now == 1)
        assert sum(bench.dispatcher._shared.cells[lane.cell] != 0 for lane in lanes) == 1
        handler.go_on.set()
        await until(lambda: len(handler.handled) == 40)
        assert not bench.counts("board").dead


async def test_slow_suspects_make_no_long_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "TURN_SECONDS", SHORT_SECONDS)
    log, handler = MemoryLog(), Holding()
    await killed(tmp_path, log)

    async with Bench(tmp_path, log, [board(handler)]):
        await until(lambda: handler.now == LANES)
        handler.go_on.set()
        await until(lambda: len(handler.handled) == 40)
