"""Replays: the past once more, beside live delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from event_system.delivery.ports import DEAD
from event_system.events.event import Event, event_of
from event_system.events.listener import Listener
from event_system.events.retry import Retry
from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import (
    EventSystemError,
    InvalidRequestError,
    ListenerNotFoundError,
    ReplayNotFoundError,
    ReplayRunningError,
    SyncListenerError,
)
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.replays import Seen, batched, ended, in_order, quiet, single
from tests.support.waiting import until

ONCE = Retry(attempts=1)
SOON = Retry(attempts=3, base=0.001)


async def refusal(asked: Awaitable[object]) -> EventSystemError:
    try:
        await asked
    except EventSystemError as error:
        return error
    raise AssertionError("it was not refused")


async def test_a_part_of_the_past_is_shown_again_and_the_live_cursor_stays(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        feed(log, 100)
        await until(lambda: len(seen.offsets) == 100)
        await quiet(bench)
        before = bench.view.listeners()[0].cursors
        seen.offsets.clear()
        replay = await bench.replays.start("x", 11, 60)
        done = await ended(bench, replay)
        assert bench.view.listeners()[0].cursors == before
        feed(log, 5)
        await until(lambda: len(seen.offsets) == 55)
    assert sorted(seen.offsets[:50]) == list(range(11, 61))
    assert in_order(seen.offsets, log)
    assert (done.state, done.handled, done.failed, done.progress) == ("done", 50, 0, 1.0)
    assert (done.from_offset, done.until_offset, done.offset) == (11, 60, 60)


async def test_a_replay_goes_to_where_the_listener_stands(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one), batched(Seen().many)]) as bench:
        feed(log, 40)
        for name in ("x", "board"):
            await quiet(bench, name)
            replay = await bench.replays.start(name, 1)
            feed(log, 7)
            done = await ended(bench, replay)
            assert (done.until_offset, done.handled) == (log.head - 7, log.head - 7)
            await quiet(bench, name)
    assert len(seen.offsets) == 40 + 40 + 7 + 7


async def test_times_of_receipt_say_where_it_begins_and_ends(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        for second in range(1, 11):
            feed(log, 2, received_us=second * 1_000_000)
        await quiet(bench)
        epoch = to_datetime(0)
        replay = await bench.replays.start(
            "x", epoch + timedelta(seconds=4), epoch + timedelta(seconds=6)
        )
        done = await ended(bench, replay)
        late = await bench.replays.start("x", epoch + timedelta(seconds=11))
        nothing = await ended(bench, late)
    assert (done.from_offset, done.until_offset, done.handled) == (7, 10, 4)
    assert (nothing.state, nothing.handled, nothing.progress) == ("done", 0, 1.0)


async def test_only_the_listeners_types_and_what_its_filter_lets_by_come_again(
    tmp_path: Path,
) -> None:
    log, seen = MemoryLog(), Seen()
    only = single(seen.one, patterns=("player.logout",), filter='event.subject != "s1"')
    async with Bench(tmp_path, log, [only]) as bench:
        feed(log, 20)
        feed(log, 20, type_="player.logout")
        await quiet(bench)
        expected, seen.offsets = sorted(seen.offsets), []
        await ended(bench, await bench.replays.start("x", 1))
    assert sorted(seen.offsets) == expected
    assert len(expected) == 16


async def test_failures_of_a_replay_are_tried_again_like_any_other(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one, retry=SOON)]) as bench:
        feed(log, 20)
        await quiet(bench)
        seen.bad, seen.offsets = {3, 8}, []
        done = await ended(bench, await bench.replays.start("x", 1))
        await until(lambda: seen.offsets.count(3) == seen.offsets.count(8) == 3)
        await until(lambda: bench.dispatcher.failure_counts()["x"].dead == 2)
    assert (done.handled, done.failed) == (20, 2)


@pytest.mark.parametrize("kind", ["single", "batched"])
async def test_missed_are_dead_letters_and_what_came_before_the_listener(
    tmp_path: Path, kind: str
) -> None:
    log, seen = MemoryLog(), Seen()
    options: dict[str, Any] = {"start": "now", "retry": ONCE}
    declared = single(seen.one, **options) if kind == "single" else batched(seen.many, **options)
    name = declared.name
    feed(log, 30)
    seen.bad = {35, 41}
    async with Bench(tmp_path, log, [declared]) as bench:
        feed(log, 20)
        await quiet(bench, name)
        seen.bad, seen.offsets = {41}, []
        done = await ended(bench, await bench.replays.start(name, 21, mode="missed"))
        left = await bench.dispatcher.failure_places(name)[-1].failures_of(41)
        gone = await bench.dispatcher.failure_places(name)[-1].failures_of(35)
    assert sorted(set(seen.offsets)) == [*range(21, 31), 35, 41]
    assert in_order([*dict.fromkeys(seen.offsets)], log)
    assert (done.handled, done.failed) == (12, 1)
    assert [failure.state for failure in left] == [DEAD]
    assert gone == []


@pytest.mark.parametrize("mode", ["all", "missed"])
async def test_what_is_parked_is_left_to_its_retries(tmp_path: Path, mode: Any) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one, retry=Retry(base=3000.0))]) as bench:
        seen.bad = {5}
        feed(log, 10)
        await until(lambda: bench.dispatcher.failure_counts().get("x") is not None)
        seen.offsets.clear()
        await ended(bench, await bench.replays.start("x", 1, mode=mode))
    assert 5 not in seen.offsets
    assert len(seen.offsets) == (9 if mode == "all" else 0)


async def test_a_listener_that_blocks_keeps_strict_order_in_its_replay(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    strict = single(seen.one, on_failure="block", retry=Retry(attempts=4, base=0.001))
    async with Bench(tmp_path, log, [strict]) as bench:
        feed(log, 50, subjects=1)
        await quiet(bench)
        seen.bad, seen.offsets = {20}, []
        done = await ended(bench, await bench.replays.start("x", 1))
    assert seen.offsets == [*range(1, 20), 20, 20, 20, 20, *range(21, 51)]
    assert done.failed == 4


async def test_the_rate_is_never_exceeded(tmp_path: Path) -> None:
    log, at = MemoryLog(), []

    async def note(event: Event) -> None:
        at.append(asyncio.get_running_loop().time())

    async with Bench(tmp_path, log, [single(note)]) as bench:
        feed(log, 100)
        await quiet(bench)
        at.clear()
        began = asyncio.get_running_loop().time()
        replay = await bench.replays.start("x", 1, rate=200.0)
        await ended(bench, replay)
    assert all(when - began >= (n - 1) / 200 for n, when in enumerate(at))
    assert at[-1] - began < 2


async def test_deliveries_tell_what_a_replay_has_still_before_it(tmp_path: Path) -> None:
    log, seen, go = MemoryLog(), Seen(), asyncio.Event()

    async def hangs(event: Event) -> None:
        await seen.one(event)
        if len(seen.offsets) == 15:
            await go.wait()

    async with Bench(tmp_path, log, [single(hangs)]) as bench:
        feed(log, 10, subjects=1)
        await quiet(bench)
        replay = await bench.replays.start("x", 1)
        await until(lambda: len(seen.offsets) == 15)
        events = [event_of(n, log.rows[n - 1]) for n in (4, 6)]
        during = [(await bench.view.of(event))[0] for event in events]
        go.set()
        await ended(bench, replay)
        after = (await bench.view.of(events[1]))[0]
    assert [(delivery.state, delivery.replay) for delivery in (*during, after)] == [
        *(("handled", None), ("handled", replay.id), ("handled", None)),
    ]


async def test_what_cannot_be_done_is_refused_by_its_reason(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    sync = Listener(name="sync", patterns=(">",), handler=seen.one, mode="sync")
    async with Bench(tmp_path, log, [single(seen.one), sync]) as bench:
        feed(log, 10)
        await quiet(bench)
        await bench.control.pause("x", 2**52)
        start: Callable[..., Awaitable[object]] = bench.replays.start
        refused = [
            *(await refusal(start("x", 0)), await refusal(start("x", 2**62))),
            *(await refusal(start("x", 5, 4)), await refusal(start("x", 1, rate=0.0))),
            *(
                await refusal(start("x", 1, rate=2e6)),
                await refusal(start("x", 1, rate=float("nan"))),
            ),
            *(await refusal(start("sync", 1)), await refusal(start("none", 1))),
        ]
        await bench.replays.start("x", 1)
        refused += [
            *(await refusal(start("x", 1)), await refusal(bench.replays.get("x", 99))),
            await refusal(bench.replays.cancel("x", 99)),
        ]
    assert [type(error) for error in refused] == [
        *([InvalidRequestError] * 6),
        *(SyncListenerError, ListenerNotFoundError),
        *(ReplayRunningError, ReplayNotFoundError, ReplayNotFoundError),
    ]
