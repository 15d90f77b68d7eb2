"""Async listeners: order, isolation, bounded channels, cursors across restarts."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.events.event import Event, event_of
from event_system.events.listener import Handler, Listener
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.waiting import PATIENCE_SECONDS, until


class Recorder:
    """A handler that remembers what it was given."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.by_subject: dict[str | None, list[int]] = defaultdict(list)

    async def __call__(self, event: Event) -> None:
        self.offsets.append(event.offset)
        self.by_subject[event.subject].append(event.offset)


def listener(handler: Handler, **options: object) -> Listener:
    chosen = {"name": "x", "patterns": (">",), "start": "beginning", **options}
    return Listener(handler=handler, **chosen)  # type: ignore[arg-type]


async def test_every_event_is_handled_in_the_order_of_its_subject(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Recorder()
    async with Bench(tmp_path, log, [listener(seen)]):
        feed(log, 500)
        await until(lambda: len(seen.offsets) == 500)
    assert sorted(seen.offsets) == list(range(1, 501))
    assert all(offsets == sorted(offsets) for offsets in seen.by_subject.values())


async def test_lanes_go_on_while_one_event_of_another_lane_is_slow(tmp_path: Path) -> None:
    log, release, handled = MemoryLog(), asyncio.Event(), Recorder()

    async def handler(event: Event) -> None:
        if event.offset == 1:
            await release.wait()
        await handled(event)

    async with Bench(tmp_path, log, [listener(handler)]):
        feed(log, 100)
        lane = log.rows[0][4]
        others = [n for n, r in enumerate(log.rows, 1) if r[4] != lane]
        await until(lambda: set(others) <= set(handled.offsets))
        assert 1 not in handled.offsets
        release.set()
        await until(lambda: len(handled.offsets) == 100)


async def test_a_hanging_listener_delays_no_other(tmp_path: Path) -> None:
    log, seen, never = MemoryLog(), Recorder(), asyncio.Event()

    async def hang(event: Event) -> None:
        await never.wait()

    async with Bench(tmp_path, log, [listener(hang, name="hang"), listener(seen)]) as bench:
        bench.settings.async_channel_size = 3
        feed(log, 300)
        await until(lambda: len(seen.offsets) == 300)
        assert bench.full > 0
        for subscription in bench.dispatcher.subscriptions.values():
            subscription.reconfigure(subscription.entry)
        never.set()


async def test_a_full_channel_drops_nothing_and_keeps_memory_bounded(tmp_path: Path) -> None:
    log, gate, handled = MemoryLog(), asyncio.Event(), Recorder()

    async def slow(event: Event) -> None:
        await gate.wait()
        await handled(event)

    async with Bench(tmp_path, log, [listener(slow)]) as bench:
        bench.settings.async_channel_size = 8
        feed(log, 400)
        subscription = bench.dispatcher.subscriptions["x"]
        assert subscription.queued <= 8 * len(subscription.lanes)
        assert subscription.lag() >= 400 - subscription.queued
        gate.set()
        await until(lambda: len(handled.offsets) == 400)
    assert sorted(handled.offsets) == list(range(1, 401))
    assert all(offsets == sorted(offsets) for offsets in handled.by_subject.values())


async def test_an_error_is_recorded_and_the_lane_goes_on(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Recorder()

    async def handler(event: Event) -> None:
        if event.offset == 3:
            raise ValueError("three")
        await seen(event)

    async with Bench(tmp_path, log, [listener(handler)]) as bench:
        feed(log, 10, subjects=1)
        await until(lambda: len(seen.offsets) == 9)
        await until(lambda: not bench.dispatcher.failures)
        (failure,) = await bench.store.failures_of(3)
    assert failure.error == "ValueError: three"
    assert "raise ValueError" in failure.traceback


async def test_a_call_over_its_timeout_is_a_failure_even_if_it_swallows_the_cancellation(
    tmp_path: Path,
) -> None:
    log, seen, entered = MemoryLog(), Recorder(), asyncio.Event()

    async def stubborn(event: Event) -> None:
        if event.offset == 1:
            entered.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return
        await seen(event)

    async with Bench(tmp_path, log, [listener(stubborn, timeout=60)]) as bench:
        feed(log, 3, subjects=1)
        await entered.wait()
        bench.passes(61)
        await until(lambda: seen.offsets == [2, 3])
        await until(lambda: not bench.dispatcher.failures)
        (failure,) = await bench.store.failures_of(1)
    assert failure.error.startswith("TimeoutError")


async def test_plain_functions_run_outside_the_loop_and_a_hanging_one_is_given_up(
    tmp_path: Path,
) -> None:
    log, entered, never, threads = MemoryLog(), threading.Event(), threading.Event(), set()
    handled: list[int] = []

    def plain(event: Event) -> None:
        threads.add(threading.current_thread() is threading.main_thread())
        if event.offset == 1:
            entered.set()
            never.wait(PATIENCE_SECONDS)
        handled.append(event.offset)

    async with Bench(tmp_path, log, [listener(plain, timeout=60)]) as bench:
        feed(log, 20, subjects=1)
        await until(entered.is_set)
        bench.passes(61)
        await until(lambda: handled == list(range(2, 21)))
        never.set()
    assert threads == {False}


async def test_only_matching_events_that_pass_the_filter_are_handled(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Recorder()
    chosen = listener(seen, patterns=("player.*",), filter="event.data.level >= 10")
    async with Bench(tmp_path, log, [chosen]) as bench:
        feed(log, 3, type_="player.level_up", data=b'{"level": 9}')
        feed(log, 3, type_="player.level_up", data=b'{"level": 10}')
        feed(log, 3, type_="activity.start", data=b'{"level": 10}')
        await until(lambda: bench.dispatcher.subscriptions["x"].lag() == 0)
    assert sorted(seen.offsets) == [4, 5, 6]


async def test_a_restart_goes_on_where_the_cursors_stand(tmp_path: Path) -> None:
    log, first, second = MemoryLog(), Recorder(), Recorder()
    async with Bench(tmp_path, log, [listener(first)]):
        feed(log, 100)
        await until(lambda: len(first.offsets) == 100)
    feed(log, 50)  # accepted while no listener ran
    async with Bench(tmp_path, log, [listener(second)]):
        await until(lambda: len(second.offsets) >= 50)
    assert sorted(second.offsets) == list(range(101, 151))


async def test_a_crash_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    log, first, second = MemoryLog(), Recorder(), Recorder()
    gate = asyncio.Event()

    async def handler(event: Event) -> None:
        if event.offset > 60:
            await gate.wait()
        await first(event)

    bench = Bench(tmp_path, log, [listener(handler)])
    await bench.__aenter__()
    feed(log, 100)
    await until(lambda: len(first.offsets) >= 60 - len(log.rows) // 20)
    await bench.crash()
    async with Bench(tmp_path, log, [listener(second)]) as again:
        await until(lambda: again.dispatcher.subscriptions["x"].lag() == 0)
    assert set(first.offsets) | set(second.offsets) == set(range(1, 101))
    assert all(offsets == sorted(offsets) for offsets in second.by_subject.values())


async def test_a_new_listener_starts_at_now_or_at_the_beginning(tmp_path: Path) -> None:
    log, now, beginning = MemoryLog(), Recorder(), Recorder()
    feed(log, 20)
    both = [
        listener(now, name="now", start="now"),
        listener(beginning, name="beginning", start="beginning"),
    ]
    async with Bench(tmp_path, log, both):
        feed(log, 5)
        await until(lambda: len(beginning.offsets) == 25 and len(now.offsets) == 5)
    assert sorted(now.offsets) == list(range(21, 26))


async def test_a_paused_listener_catches_up_when_it_is_resumed(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Recorder()
    async with Bench(tmp_path, log, [listener(seen)]) as bench:
        bench.dispatcher.subscriptions["x"].pause()
        feed(log, 50)
        assert seen.offsets == []
        bench.dispatcher.subscriptions["x"].resume()
        await until(lambda: len(seen.offsets) == 50)


async def test_stopping_gives_running_calls_their_grace_and_saves_the_cursor(
    tmp_path: Path,
) -> None:
    log, started, seen = MemoryLog(), asyncio.Event(), Recorder()

    async def slow(event: Event) -> None:
        started.set()
        await asyncio.sleep(0.1)
        await seen(event)

    async with Bench(tmp_path, log, [listener(slow)]):
        feed(log, 1)
        await started.wait()
    assert seen.offsets == [1]
    again = Recorder()
    async with Bench(tmp_path, log, [listener(again)]) as bench:
        await until(lambda: bench.dispatcher.subscriptions["x"].lag() == 0)
    assert again.offsets == []


@pytest.mark.parametrize("batch", [0, 10])
async def test_an_event_that_the_filter_cannot_read_is_passed_and_the_lane_goes_on(
    tmp_path: Path, batch: int
) -> None:
    log, seen = MemoryLog(), Recorder()

    async def handler(first: Event | list[Event], *_: object) -> None:
        for event in first if isinstance(first, list) else [first]:
            await seen(event)

    choosy = listener(handler, filter="event.data.level == 1", batch=batch)
    async with Bench(tmp_path, log, [choosy]) as bench:
        feed(log, 1, subjects=1, data=b'{"level": 1}')
        feed(log, 1, subjects=1, data=b'{"level": "\\ud800"}')
        feed(log, 1, subjects=1, data=b'{"level": ' + b"[" * 5_000 + b"]" * 5_000 + b"}")
        feed(log, 1, subjects=1, data=b'{"level": 1}')
        await until(lambda: seen.offsets == [1, 4])
        await until(lambda: bench.dispatcher.subscriptions["x"].lag() == 0)
        states = [d.state for d in await bench.view.of(event_of(2, log.rows[1]))]
    assert states == ["skipped"]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    channel=st.integers(1, 10),
    subjects=st.integers(1, 6),
    workers=st.integers(1, 4),
)
def test_any_rhythm_of_commits_restarts_and_channels_delivers_all_in_order(
    tmp_path_factory: object, sizes: list[int], channel: int, subjects: int, workers: int
) -> None:
    directory = Path(tmp_path_factory.mktemp("state"))  # type: ignore[attr-defined]

    async def play() -> None:
        log, seen = MemoryLog(), Recorder()
        for size in sizes:
            async with Bench(directory, log, [listener(seen, workers=workers)]) as bench:
                bench.settings.async_channel_size = channel
                feed(log, size, subjects=subjects)
                subscription = bench.dispatcher.subscriptions["x"]
                await until(lambda s=subscription: s.lag() == 0)  # type: ignore[misc]
            feed(log, 3, subjects=subjects)
        async with Bench(directory, log, [listener(seen)]) as bench:
            await until(lambda: bench.dispatcher.subscriptions["x"].lag() == 0)
        assert sorted(seen.offsets) == list(range(1, log.head + 1))
        assert all(offsets == sorted(offsets) for offsets in seen.by_subject.values())

    asyncio.run(play())
