"""Batch listeners: effect and cursor commit together."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import apsw

from event_system.database.sqlite.batches import file_name
from event_system.delivery import batches
from event_system.events.event import Event, event_of
from event_system.events.listener import Listener
from event_system.events.ports import Transaction
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.waiting import PATIENCE_SECONDS, until


def board(**options: Any) -> Listener:
    return Listener(name="board", patterns=(">",), batch=10, start="beginning", **options)


async def write(events: list[Event], tx: Transaction) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS seen (offset INTEGER)")
    tx.executemany("INSERT INTO seen VALUES (?)", [(event.offset,) for event in events])


def seen(directory: Path) -> list[int]:
    """What the listener has committed."""
    path = directory / "listeners" / file_name("board")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    if not connection.table_exists(None, "seen"):
        return []
    return [offset for (offset,) in connection.execute("SELECT offset FROM seen ORDER BY rowid")]


async def test_batches_come_in_the_order_of_the_log(tmp_path: Path) -> None:
    log, sizes = MemoryLog(), []

    async def handler(events: list[Event], tx: Transaction) -> None:
        sizes.append(len(events))
        await write(events, tx)

    async with Bench(tmp_path, log, [board(handler=handler)]):
        feed(log, 95)
        await until(lambda: len(seen(tmp_path)) == 95)
    assert seen(tmp_path) == list(range(1, 96))
    assert max(sizes) == 10


async def test_a_plain_function_writes_in_its_thread(tmp_path: Path) -> None:
    log, main = MemoryLog(), []

    def handler(events: list[Event], tx: Transaction) -> None:
        main.append(threading.current_thread() is threading.main_thread())
        tx.execute("CREATE TABLE IF NOT EXISTS seen (offset INTEGER)")
        tx.executemany("INSERT INTO seen VALUES (?)", [(event.offset,) for event in events])

    async with Bench(tmp_path, log, [board(handler=handler)]):
        feed(log, 30)
        await until(lambda: len(seen(tmp_path)) == 30)
    assert set(main) == {False}


async def test_a_bad_event_costs_only_itself(tmp_path: Path) -> None:
    log = MemoryLog()

    async def handler(events: list[Event], tx: Transaction) -> None:
        await write(events, tx)
        if any(event.offset == 7 for event in events):
            raise ValueError("seven")

    async with Bench(tmp_path, log, [board(handler=handler)]) as bench:
        feed(log, 20)
        await until(lambda: len(seen(tmp_path)) == 19)
        (delivery,) = await bench.view.of(event_of(7, log.rows[6]))
    assert seen(tmp_path) == [n for n in range(1, 21) if n != 7]
    assert (delivery.state, delivery.error) == ("retrying", "ValueError: seven")


async def test_a_restart_in_the_middle_of_a_batch_repeats_no_effect(tmp_path: Path) -> None:
    log, entered, never = MemoryLog(), asyncio.Event(), asyncio.Event()

    async def hang(events: list[Event], tx: Transaction) -> None:
        await write(events, tx)
        if events[-1].offset > 20:
            entered.set()
            await never.wait()

    bench = Bench(tmp_path, log, [board(handler=hang)])
    await bench.__aenter__()
    feed(log, 25)
    await entered.wait()
    await bench.crash()
    async with Bench(tmp_path, log, [board(handler=write)]):
        feed(log, 5)
        await until(lambda: len(seen(tmp_path)) == 30)
    assert seen(tmp_path) == list(range(1, 31))


async def test_a_batch_over_its_timeout_is_rolled_back_and_its_transaction_is_dead(
    tmp_path: Path,
) -> None:
    log, release, late = MemoryLog(), threading.Event(), []
    entered = 0

    def handler(events: list[Event], tx: Transaction) -> None:
        nonlocal entered
        tx.execute("CREATE TABLE IF NOT EXISTS seen (offset INTEGER)")
        tx.executemany("INSERT INTO seen VALUES (?)", [(event.offset,) for event in events])
        if any(event.offset == 1 for event in events):
            entered += 1
            release.wait(PATIENCE_SECONDS)
            try:
                tx.execute("SELECT 1")
            except RuntimeError as error:
                late.append(str(error))

    async with Bench(tmp_path, log, [board(handler=handler, timeout=60)]) as bench:
        feed(log, 3)
        for attempt in (1, 2):  # with others, and alone
            await until(lambda n=attempt: entered == n)  # type: ignore[misc]
            bench.passes(61)
        await until(lambda: seen(tmp_path) == [2, 3])
        release.set()
        await until(lambda: len(late) == 2)
    assert "ended" in late[0]


async def test_a_hanging_batch_holds_up_no_other_batch_listener(tmp_path: Path) -> None:
    log, never = MemoryLog(), asyncio.Event()

    async def hang(events: list[Event], tx: Transaction) -> None:
        await write(events, tx)
        await never.wait()

    stuck = Listener(name="stuck", patterns=(">",), batch=5, start="beginning", handler=hang)
    async with Bench(tmp_path, log, [stuck, board(handler=write)]):
        feed(log, 50)
        await until(lambda: len(seen(tmp_path)) == 50)
        never.set()


async def test_an_idle_cursor_is_moved_on(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(batches, "IDLE_ADVANCE", 10)
    log = MemoryLog()
    only = Listener(name="board", patterns=("rare",), batch=5, start="beginning", handler=write)
    async with Bench(tmp_path, log, [only]) as bench:
        feed(log, 100)
        store = bench.dispatcher.subscriptions["board"].store  # type: ignore[attr-defined]
        await until(lambda: store.cursor == 100)
    assert seen(tmp_path) == []
