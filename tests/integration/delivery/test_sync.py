"""Sync listeners: order, isolation, timing, stopping."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from event_system.delivery.ports import Failure
from event_system.delivery.statistics import Observed
from event_system.delivery.sync import SyncRunner
from event_system.delivery.watch import Watch
from event_system.events.event import Event
from event_system.events.listener import Handler, Listener, Stop
from event_system.events.ports import ListenerResult
from event_system.events.registry import Registry

EVENT = Event(1, 0, "a", "s", "1", None, 0, 0, None, None, None, b'{"n": 1}')


class Sync:
    """A runner and what it reported."""

    def __init__(self, *listeners: Listener) -> None:
        loop = asyncio.get_running_loop()
        self.failures: list[Failure] = []
        self.observed: list[Observed] = []
        self.route = Registry(listeners).route("a").sync
        self.runner = SyncRunner(
            Watch(loop, time.monotonic),
            loop,
            observe=self.observed.append,
            record=self.failures.append,
            now_us=lambda: 7,
            bind_trace=lambda traceparent: None,
        )

    async def run(self) -> list[ListenerResult]:
        return (await self.runner.run(EVENT, self.route)).results()


def sync(handler: Handler, name: str, priority: int = 0, **options: Any) -> Listener:
    return Listener(
        name=name, patterns=("a",), handler=handler, mode="sync", priority=priority, **options
    )


async def test_results_come_back_in_the_order_of_priority() -> None:
    async def double(event: Event) -> int:
        return int(event.data["n"]) * 2

    def plain(event: Event) -> str:
        return event.type

    results = await Sync(sync(double, "double"), sync(plain, "plain", 5)).run()
    assert [(r.listener, r.result) for r in results] == [("plain", "a"), ("double", 2)]


async def test_an_error_stops_nobody_and_is_recorded() -> None:
    async def bad(event: Event) -> None:
        raise KeyError("x")

    async def good(event: Event) -> str:
        return "good"

    bench = Sync(sync(bad, "bad", 5), sync(good, "good"))
    results = await bench.run()
    assert [r.error for r in results] == ["KeyError: 'x'", None]
    assert results[1].result == "good"
    assert [(f.listener, f.offset) for f in bench.failures] == [("bad", 1)]


async def test_stop_keeps_later_listeners_from_seeing_the_event() -> None:
    async def stop(event: Event) -> Stop:
        return Stop("enough")

    async def never(event: Event) -> None:
        raise AssertionError

    (result,) = await Sync(sync(stop, "stop", 5), sync(never, "never")).run()
    assert (result.result, result.stopped) == ("enough", True)


@pytest.mark.parametrize("swallow", [False, True])
async def test_a_hanging_listener_is_given_up_and_the_next_one_runs(swallow: bool) -> None:
    async def hang(event: Event) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if not swallow:
                raise

    async def next_(event: Event) -> str:
        await asyncio.sleep(0)
        return "ran"

    bench = Sync(sync(hang, "hang", 5, timeout=0.05), sync(next_, "next"))
    first, second = await bench.run()
    assert first.error is not None
    assert first.error.startswith("TimeoutError")
    assert second.result == "ran"


async def test_a_cancelled_sender_cancels_the_dispatch() -> None:
    entered = asyncio.Event()

    async def hang(event: Event) -> None:
        entered.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(Sync(sync(hang, "hang")).run())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_filter_leaves_the_listener_out() -> None:
    async def never(event: Event) -> None:
        raise AssertionError

    assert await Sync(sync(never, "never", filter="event.data.n > 1")).run() == []
