"""Ten sync listeners: what isolation and timing add to a bare loop over ten coroutines."""

from __future__ import annotations

import asyncio
import time

import uvloop

from benchmarks.report import Limit, Run
from event_system.delivery.sync import SyncRunner
from event_system.delivery.watch import Watch
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.registry import Registered, Registry

LISTENERS = 10
EVENT = Event(1, 0, "a", "s", "1", None, 0, 0, None, None, None, b"{}")


async def handler(event: Event) -> int:
    return event.offset


def run(run: Run) -> None:
    uvloop.run(_measure(run))


async def _measure(run: Run) -> None:
    loop = asyncio.get_running_loop()
    runner = SyncRunner(
        Watch(loop, time.monotonic),
        loop,
        observe=lambda observed: None,
        record=lambda failure: None,
        now_us=lambda: 0,
        bind_trace=lambda traceparent: None,
    )
    listeners = [
        Listener(name=f"l{n}", patterns=("a",), handler=handler, mode="sync")
        for n in range(LISTENERS)
    ]
    entries = Registry(listeners).route("a").sync
    calls = 5_000 if run.quick else 20_000
    ours, bare = [], []
    for turn in range(9):
        if turn % 2:
            bare.append(await _bare(listeners, calls))
        ours.append(await _ours(runner, entries, calls))
        if turn % 2 == 0:
            bare.append(await _bare(listeners, calls))
    pairs = [(a - b, b) for a, b in zip(ours, bare, strict=True)]
    run.ratio("what a dispatch adds / bare loop", pairs, "µs", Limit(at_most=2))


async def _ours(runner: SyncRunner, entries: tuple[Registered, ...], calls: int) -> float:
    """Microseconds a dispatch."""
    started = time.perf_counter()
    for _ in range(calls):
        await runner.run(EVENT, entries)
    return (time.perf_counter() - started) / calls * 1e6


async def _bare(listeners: list[Listener], calls: int) -> float:
    """Microseconds a loop."""
    handlers = [listener.handler for listener in listeners]
    started = time.perf_counter()
    for _ in range(calls):
        results = []
        for each in handlers:
            results.append(await each(EVENT))  # noqa: PERF401
    return (time.perf_counter() - started) / calls * 1e6
