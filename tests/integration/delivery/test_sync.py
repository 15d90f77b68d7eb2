"""Sync listeners: order, isolation, timing, stopping."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from event_system.delivery.board import InlinePlaces
from event_system.delivery.ports import Failure
from event_system.delivery.statistics import Observed
from event_system.delivery.sync import MAX_UNCOUNTED, SyncRunner
from event_system.delivery.watch import Watch
from event_system.events.event import Event
from event_system.events.listener import Handler, Listener, Stop
from event_system.events.ports import ListenerResult
from event_system.events.registry import Registered, Registry

EVENT = Event(1, 0, "a", "s", "1", None, 0, 0, None, None, None, b'{"n": 1}')


class Sync:
    """A runner and what it reported."""

    def __init__(self, *listeners: Listener, watch: Watch | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.failures: list[Failure] = []
        self.observed: list[Observed] = []
        self.route = Registry(listeners).route("a").sync
        self.runner = SyncRunner(
            watch or Watch(loop, time.monotonic),
            loop,
            observe=self.observed.append,
            record=self.failures.append,
            now_us=lambda: 7,
            bind_trace=lambda traceparent: None,
        )

    async def run(self, route: Sequence[Registered] | None = None) -> list[ListenerResult]:
        return (await self.runner.run(EVENT, route or self.route)).results()


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


async def test_each_listener_has_its_own_timeout_from_its_own_start() -> None:
    now, watched = 100.0, Watch(asyncio.get_running_loop(), lambda: now)

    def taking(seconds: float) -> Handler:
        async def handle(event: Event) -> str:
            nonlocal now
            now += seconds
            for each in list(watched.running):
                each.check(now)
            await asyncio.sleep(0)
            return "ran"

        return handle

    bench = Sync(
        sync(taking(50), "slow", 5, timeout=60),
        sync(taking(9), "quick", 4, timeout=10),
        sync(taking(11), "late", 3, timeout=10),
        watch=watched,
    )
    results = await bench.run()
    assert [(r.listener, r.result, r.ms) for r in results] == [
        *(("slow", "ran", 50_000), ("quick", "ran", 9_000), ("late", None, 11_000)),
    ]
    assert results[2].error == "TimeoutError: took longer than its timeout of 10 s"
    watched.close()


async def test_what_ran_is_counted_by_listener_across_a_change_of_settings() -> None:
    gate = asyncio.Event()

    async def wait(event: Event) -> None:
        await gate.wait()

    async def fail(event: Event) -> None:
        raise ValueError

    bench = Sync(sync(wait, "wait", 5), sync(fail, "fail"))
    under_way = [asyncio.create_task(bench.run()) for _ in range(3)]
    alone = Registry([sync(wait, "other")]).route("a").sync
    under_way += [asyncio.create_task(bench.run(alone)) for _ in range(MAX_UNCOUNTED + 5)]
    await asyncio.sleep(0)
    bench.runner.forget()
    gate.set()
    await asyncio.gather(*under_way)
    await bench.run(alone)
    bench.runner.count()
    counted: Counter[str] = Counter()
    for seen in bench.observed:
        counted[seen.listener] += len(seen.durations)
    assert counted == {"wait": 3, "fail": 3, "other": MAX_UNCOUNTED + 6}
    errors = {name: s.errors for name, s in bench.runner.statistics.items()}
    assert errors == {"wait": 0, "fail": 3, "other": 0}


async def test_the_board_shows_whose_turn_it_is_for_every_event_under_way() -> None:
    gates = {"first": asyncio.Event(), "second": asyncio.Event()}

    def waiting(name: str) -> Handler:
        async def handle(event: Event) -> None:
            await gates[name].wait()

        return handle

    bench = Sync(sync(waiting("first"), "first", 5), sync(waiting("second"), "second"))
    cells = [0] * 6
    bench.runner.take_places(InlinePlaces(cells, {"first": 71, "second": 72}, open=[0, 2], spare=4))

    def shown() -> set[tuple[int, int]]:
        """Listener's sign and offset of all that are in somebody's hands."""
        return {(cells[at], cells[at + 1]) for at in (0, 2, 4) if cells[at]}

    under_way = []
    for offset in (1, 2, 3, 4):
        event = msgspec.structs.replace(EVENT, offset=offset)
        under_way.append(asyncio.create_task(bench.runner.run(event, bench.route)))
        await asyncio.sleep(0)
    assert shown() == {(71, 1), (71, 2), (71, 4)}  # 3 and 4 share what is left
    under_way[1].cancel()
    await asyncio.wait([under_way[1]])
    assert shown() == {(71, 1), (71, 4)}
    gates["first"].set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert shown() == {(72, 1), (72, 4)}
    gates["second"].set()
    await asyncio.wait(under_way)
    assert shown() == set()
