"""Ten sync listeners: what isolation and timing add to a bare loop over ten coroutines."""

from __future__ import annotations

import asyncio
import time

import uvloop

from benchmarks.harness import Run, median
from event_system.delivery.sync import SyncRunner
from event_system.delivery.watch import Watch
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.registry import Registry

NAME = "sync_dispatch"
LISTENERS, CALLS = 10, 20_000
EVENT = Event(1, 0, "a", "s", "1", None, 0, 0, None, None, None, b"{}")


async def handler(event: Event) -> int:
    return event.offset


def run(run: Run) -> None:
    ratios, ours, bare = uvloop.run(_measure(run.rounds))
    run.figure(NAME, "bare loop over ten coroutines", bare * 1e6, "µs")
    run.figure(NAME, "dispatch to ten sync listeners", ours * 1e6, "µs")
    run.at_most(NAME, "overhead / bare loop", ratios - 1, 2, "×")


async def _measure(rounds: int) -> tuple[float, float, float]:
    loop = asyncio.get_running_loop()
    runner = SyncRunner(
        Watch(loop, time.monotonic),
        loop,
        observe=lambda observed: None,
        record=lambda failure: None,
        now_us=lambda: 0,
        bind_trace=lambda traceparent: None,
    )
    route = Registry(
        Listener(name=f"l{n}", patterns=("a",), handler=handler, mode="sync")
        for n in range(LISTENERS)
    ).route("a")
    handlers = [entry.listener.handler for entry in route.sync]
    ours, bare = [], []
    for _ in range(rounds * 3):
        started = time.perf_counter()
        for _ in range(CALLS):
            await runner.run(EVENT, route.sync)
        ours.append((time.perf_counter() - started) / CALLS)
        started = time.perf_counter()
        for _ in range(CALLS):
            results = []
            for each in handlers:
                results.append(await each(EVENT))  # noqa: PERF401
        bare.append((time.perf_counter() - started) / CALLS)
    return median([a / b for a, b in zip(ours, bare, strict=True)]), median(ours), median(bare)
