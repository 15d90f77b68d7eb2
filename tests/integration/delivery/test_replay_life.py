"""Replays that wait, end before their end, or outlive their process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from event_system.delivery.holds import DeliveryHolds
from event_system.delivery.ports import BLOCKING, Selection
from event_system.events.event import Event
from event_system.events.ports import Hold, Transaction
from event_system.events.retry import Retry
from event_system.kernel.errors import (
    ListenerNotFoundError,
)
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.replays import Seen, batched, ended, in_order, quiet, single, written
from tests.support.waiting import until


async def test_cancelled_it_stands_and_what_it_blocked_is_parked(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    strict = single(seen.one, on_failure="block", retry=Retry(base=3000.0))
    async with Bench(tmp_path, log, [strict]) as bench:
        feed(log, 50, subjects=1)
        await quiet(bench)
        seen.bad, seen.offsets = {20}, []
        replay = await bench.replays.start("x", 1)
        await until(lambda: 20 in seen.offsets)
        over = await bench.replays.cancel("x", replay.id)
        again = await bench.replays.cancel("x", replay.id)
        parked = await bench.store.failures_of(20)
        rows = await bench.store.retries.find(
            Selection(state=BLOCKING), 10, None, newest_first=True
        )
    assert (over.state, again.state) == ("cancelled", "cancelled")
    assert over.offset < 20 < over.until_offset
    assert [failure.state for failure in parked] == ["retrying"]
    assert rows.failures == []


async def test_a_cancelled_replay_shows_nothing_more(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    held, go = asyncio.Event(), asyncio.Event()

    async def slow(event: Event) -> None:
        await seen.one(event)
        if len(seen.offsets) == 105:
            held.set()
            await go.wait()

    async with Bench(tmp_path, log, [single(slow)]) as bench:
        feed(log, 100, subjects=1)
        await until(lambda: len(seen.offsets) == 100)
        replay = await bench.replays.start("x", 1)
        await held.wait()
        cancelling = asyncio.create_task(bench.replays.cancel("x", replay.id))
        run = bench.dispatcher.replays.by_listener["x"]
        await until(lambda: run.subscription.paused)
        go.set()
        over = await cancelling
        feed(log, 1)
        await until(lambda: 101 in seen.offsets)
    assert seen.offsets[100:] == [1, 2, 3, 4, 5, 101]
    assert over.handled == 5


@pytest.mark.parametrize("kind", ["single", "batched"])
async def test_a_replay_goes_on_after_a_crash_where_it_stood(tmp_path: Path, kind: str) -> None:
    log, first, second = MemoryLog(), Seen(), Seen()
    hold = asyncio.Event()
    live = 60

    async def one(event: Event) -> None:
        await first.one(event)
        if len(first.offsets) > live + 30:
            await hold.wait()

    async def many(events: list[Event], tx: Transaction) -> None:
        if len(first.offsets) > live + 20:
            await hold.wait()
        await first.many(events, tx)

    options = {"single": (single, one), "batched": (batched, many)}[kind]
    bench = Bench(tmp_path, log, [options[0](options[1])])
    name = "x" if kind == "single" else "board"
    await bench.__aenter__()
    feed(log, live)
    await quiet(bench, name)
    replay = await bench.replays.start(name, 1)
    await until(lambda: len(first.offsets) > live + 20)

    async def is_saved() -> bool:
        (kept,) = await bench.store.replays.of(name)
        return kept.handled > 0

    await until(is_saved)
    await bench.crash()
    again = single(second.one) if kind == "single" else batched(second.many)
    async with Bench(tmp_path, log, [again]) as bench:
        done = await ended(bench, replay)
        assert bench.view.listeners()[0].lag == 0
    replayed = first.offsets[live:]
    assert set(replayed) | set(second.offsets) == set(range(1, live + 1))
    assert in_order(second.offsets, log)
    assert len(second.offsets) < live
    assert done.state == "done"
    if kind == "batched":
        assert written(tmp_path) == [*range(1, live + 1), *range(1, live + 1)]


async def test_a_stop_goes_on_without_repeating_anything(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        feed(log, 200)
        await quiet(bench)
        seen.offsets.clear()
        replay = await bench.replays.start("x", 1, rate=500.0)
        await until(lambda: len(seen.offsets) > 10)
    stopped = len(seen.offsets)
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        done = await ended(bench, replay)
    assert stopped < 200
    assert sorted(seen.offsets) == list(range(1, 201))
    assert in_order(seen.offsets, log)
    assert done.handled == 200


async def test_a_paused_listeners_replay_waits(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        feed(log, 30)
        await quiet(bench)
        seen.offsets.clear()
        await bench.control.pause("x", 2**52)
        replay = await bench.replays.start("x", 1)
        waiting = await bench.replays.get("x", replay.id)
        feed(log, 5)
        await asyncio.sleep(0.05)
        assert seen.offsets == []
        await bench.control.resume("x")
        done = await ended(bench, replay)
        await quiet(bench)
    assert (waiting.state, done.state) == ("waiting", "done")
    assert sorted(seen.offsets) == list(range(1, 36))


async def test_a_removed_listeners_replay_waits_and_is_forgotten_with_it(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        feed(log, 30)
        await quiet(bench)
        await bench.control.pause("x", 2**52)
        replay = await bench.replays.start("x", 1)
    async with Bench(tmp_path, log, []) as bench:
        (kept,) = await bench.replays.list("x")
        assert kept.state == "waiting"
        with pytest.raises(ListenerNotFoundError):
            await bench.replays.cancel("x", replay.id)
        await bench.control.purge("x")
        assert await bench.replays.list("x") == []


async def test_retention_leaves_what_a_replay_has_before_it(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        feed(log, 30)
        await quiet(bench)
        holds = DeliveryHolds(bench.dispatcher, bench.store, dict)
        free = holds.needed()
        await bench.control.pause("x", 2**52)
        replay = await bench.replays.start("x", 5)
        held = holds.needed()
        await bench.control.resume("x")
        await ended(bench, replay)
        assert holds.needed() == free
    assert held == Hold(4, f"x (replay {replay.id})")


async def test_a_replay_tells_that_old_events_had_been_deleted(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        feed(log, 30)
        await quiet(bench)
        log.floor = 10
        late = await ended(bench, await bench.replays.start("x", 11))
        early = await ended(bench, await bench.replays.start("x", 1))
    assert late.detail is None
    assert "up to offset 10" in (early.detail or "")
