"""Listeners that are taken out and come back, or are purged."""

from __future__ import annotations

import asyncio
from pathlib import Path

from event_system.database.sqlite.batches import file_name
from event_system.events.event import Event
from event_system.events.listener import Handler, Listener
from event_system.events.ports import Transaction
from event_system.kernel.errors import (
    EventSystemError,
    ListenerLoadedError,
    ListenerNotFoundError,
    SyncListenerError,
)
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.waiting import until


class Seen:
    """A handler, single or batch, that remembers offsets."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    async def one(self, event: Event) -> None:
        self.offsets.append(event.offset)

    async def many(self, events: list[Event], tx: Transaction) -> None:
        self.offsets += [event.offset for event in events]


def single(handler: Handler, name: str = "x") -> Listener:
    return Listener(name=name, patterns=(">",), handler=handler, start="beginning")


def batched(handler: Handler) -> Listener:
    return Listener(name="board", patterns=(">",), handler=handler, start="beginning", batch=10)


async def ignore(event: Event) -> None:
    pass


async def refusal(asked: object) -> EventSystemError:
    try:
        await asked  # type: ignore[misc]
    except EventSystemError as error:
        return error
    raise AssertionError("it was not refused")


async def test_a_listener_that_was_caught_up_and_comes_back_misses_nothing(
    tmp_path: Path,
) -> None:
    log, before, after = MemoryLog(), Seen(), Seen()
    async with Bench(tmp_path, log, [single(before.one)]):
        feed(log, 20)
        await until(lambda: len(before.offsets) == 20)
    for _ in range(2):  # two runs without it: what they save must not move its cursor
        async with Bench(tmp_path, log, [single(ignore, "other")]) as bench:
            feed(log, 15)
            await until(lambda: bench.dispatcher.subscriptions["other"].lag() == 0)
    async with Bench(tmp_path, log, [single(after.one)]):
        await until(lambda: len(after.offsets) == 30)
    assert sorted(after.offsets) == list(range(21, 51))


async def test_removed_listeners_are_shown_with_their_lag(tmp_path: Path) -> None:
    log, seen, board = MemoryLog(), Seen(), Seen()
    async with Bench(tmp_path, log, [single(seen.one), batched(board.many)]):
        feed(log, 20)
        await until(lambda: len(seen.offsets) == len(board.offsets) == 20)
    async with Bench(tmp_path, log, []) as bench:
        feed(log, 7)
        found = {status.name: status for status in bench.view.listeners()}
    assert {name: (s.state, s.lag) for name, s in found.items()} == {
        "x": ("removed", 7),
        "board": ("removed", 7),
    }


async def test_a_purged_listener_leaves_nothing_and_begins_anew(tmp_path: Path) -> None:
    log, first, again = MemoryLog(), Seen(), Seen()

    async def fails(event: Event) -> None:
        raise ValueError("no")

    listeners = [batched(first.many), single(fails)]
    async with Bench(tmp_path, log, listeners):
        feed(log, 10)
        await until(lambda: len(first.offsets) == 10)
    async with Bench(tmp_path, log, []) as bench:
        control = bench.control
        await control.purge("board")
        await control.purge("x")
        assert bench.view.listeners() == []
        progress = await bench.store.load()
        assert (progress.starts, progress.cursors) == ({}, {})
        assert [await bench.store.failures_of(n) for n in range(1, 11)] == [[]] * 10
        assert isinstance(await refusal(control.purge("board")), ListenerNotFoundError)
    assert not list((tmp_path / "listeners").glob(f"{file_name('board')}*"))
    async with Bench(tmp_path, log, [batched(again.many)]):
        await until(lambda: len(again.offsets) == 10)


async def test_a_crash_between_the_two_steps_of_a_purge_leaves_it_known(tmp_path: Path) -> None:
    log, first, again = MemoryLog(), Seen(), Seen()
    async with Bench(tmp_path, log, [batched(first.many)]):
        feed(log, 10)
        await until(lambda: len(first.offsets) == 10)
    (tmp_path / "listeners" / file_name("board")).unlink()  # as far as it had come
    async with Bench(tmp_path, log, []) as bench:
        assert [status.name for status in bench.view.listeners()] == ["board"]
    async with Bench(tmp_path, log, [batched(again.many)]):
        await until(lambda: len(again.offsets) == 10)


async def test_what_cannot_be_done_is_refused_by_its_reason(tmp_path: Path) -> None:
    sync = Listener(name="sync", patterns=(">",), handler=ignore, mode="sync")
    async with Bench(tmp_path, MemoryLog(), [single(ignore), sync]) as bench:
        control = bench.control
        far = 2**52
        refusals = [
            *(await refusal(control.pause("sync", far)), await refusal(control.resume("sync"))),
            *(await refusal(control.purge("x")), await refusal(control.purge("sync"))),
            *(await refusal(control.pause("none", far)), await refusal(control.purge("none"))),
        ]
    assert [type(error) for error in refusals] == [
        *(SyncListenerError, SyncListenerError),
        *(ListenerLoadedError, ListenerLoadedError),
        *(ListenerNotFoundError, ListenerNotFoundError),
    ]


async def test_a_pause_outlives_a_reload_and_its_end_switches_nothing_on(tmp_path: Path) -> None:
    log, seen = MemoryLog(), Seen()
    async with Bench(tmp_path, log, [single(seen.one)]) as bench:
        control = bench.control
        subscription = bench.dispatcher.subscriptions["x"]
        await control.pause("x", 2**52)
        bench.dispatcher.reconfigure(bench.registry)
        assert subscription.paused
        bench.dispatcher.reconfigure(type(bench.registry)([]))  # switched off
        await control.resume("x")
        assert subscription.paused
        feed(log, 5)
        await asyncio.sleep(0)
        assert seen.offsets == []
        bench.dispatcher.reconfigure(bench.registry)
        await until(lambda: len(seen.offsets) == 5)
