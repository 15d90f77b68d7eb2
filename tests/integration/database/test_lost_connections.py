"""A batch listener's connection is lost: the batch is handled again, its effect counts once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from event_system.database.sql.state import ServerState
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.ports import Transaction
from event_system.events.retry import Retry
from event_system.kernel.errors import StorageError
from event_system.sql import drivers, migrate
from event_system.sql.database import Database
from event_system.sql.dsn import Dsn
from event_system.sql.pool import PoolSettings
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.sql import ENGINES, connecting, fresh_database, opened
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.support.wire import Wire

OWN_END = {
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
    "mysql": "KILL CONNECTION_ID()",
}


@dataclass
class Line:
    """A server behind a wire, and what the listener has committed there."""

    dsn: Dsn
    wire: Wire

    def seen(self) -> list[int]:
        with connecting(self.dsn) as connection:
            return [n for (n,) in connection.exec_driver_sql("SELECT n FROM seen ORDER BY n")]


@pytest.fixture(params=ENGINES)
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    with fresh_database(request.param, "wire") as dsn:
        migrate.upgrade(dsn)
        with connecting(dsn) as connection:
            connection.exec_driver_sql("CREATE TABLE seen (n BIGINT)")
        with Wire(dsn.port, b"INTO seen") as wire:
            yield Line(dsn, wire)


@pytest.fixture
async def store(line: Line) -> AsyncIterator[ServerState]:
    through = replace(line.dsn, host="127.0.0.1", port=line.wire.port, tls="disable")
    database = await Database.open(through, PoolSettings(wait=2.0))
    yield await ServerState.open(database, lambda connection: None, 1, node=lambda: "one")
    await database.close()


def write(events: list[Event], tx: Transaction) -> None:
    tx.executemany("INSERT INTO seen VALUES (?)", [(event.offset,) for event in events])


def board(handler: object, **options: object) -> Listener:
    return Listener(
        name="board",
        patterns=(">",),
        handler=handler,  # type: ignore[arg-type]
        batch=10,
        start="beginning",
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_commit_without_an_answer_counts_once(
    line: Line, store: ServerState, tmp_path: Path, how: object
) -> None:
    log, calls = MemoryLog(), []

    def handler(events: list[Event], tx: Transaction) -> None:
        calls.append([event.offset for event in events])
        write(events, tx)

    async with Bench(tmp_path, log, [board(handler)], store) as bench:
        line.wire.cut_commit = how  # type: ignore[assignment]
        feed(log, 10)
        await until(lambda: bench.dispatcher.subscriptions["board"].lag() == 0)
        feed(log, 10)
        await until(lambda: bench.dispatcher.subscriptions["board"].lag() == 0)
        assert not bench.counts("board").retrying
    assert line.wire.cuts == 1
    assert line.seen() == list(range(1, 21))
    assert calls.count(calls[0]) == (2 if how == "before" else 1)


async def test_a_connection_cut_in_the_middle_of_a_batch_costs_nothing_but_time(
    line: Line, store: ServerState, tmp_path: Path
) -> None:
    log = MemoryLog()
    cuts: list[int] = []

    def handler(events: list[Event], tx: Transaction) -> None:
        write(events[:1], tx)
        if len(cuts) < 2:
            cuts.append(events[0].offset)
            line.wire.cut()
        write(events[1:], tx)

    async with Bench(tmp_path, log, [board(handler, retry=Retry(attempts=1))], store) as bench:
        feed(log, 30)
        await until(lambda: bench.dispatcher.subscriptions["board"].lag() == 0)
        assert bench.counts("board").dead == 0
    assert cuts == [1, 1]
    assert line.seen() == list(range(1, 31))


async def test_while_the_server_is_away_nothing_fails_and_then_all_goes_on(
    line: Line, store: ServerState, tmp_path: Path
) -> None:
    log, entered = MemoryLog(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def handler(events: list[Event], tx: Transaction) -> None:
        write(events, tx)
        loop.call_soon_threadsafe(entered.set)

    async with Bench(tmp_path, log, [board(handler, retry=Retry(attempts=1))], store) as bench:
        feed(log, 10)
        await until(lambda: bench.dispatcher.subscriptions["board"].lag() == 0)
        entered.clear()
        line.wire.down = True
        line.wire.cut()
        feed(log, 10)
        await asyncio.wait([asyncio.create_task(entered.wait())], timeout=1.5)
        assert line.seen() == list(range(1, 11))
        line.wire.down = False
        await until(lambda: bench.dispatcher.subscriptions["board"].lag() == 0)
        assert (bench.counts("board").dead, bench.counts("board").retrying) == (0, 0)
    assert line.seen() == list(range(1, 21))


async def test_an_event_that_ends_its_connection_every_time_is_a_failure_of_its_own(
    line: Line, store: ServerState, tmp_path: Path
) -> None:
    log = MemoryLog()

    def handler(events: list[Event], tx: Transaction) -> None:
        write(events, tx)
        if any(event.offset == 3 for event in events):
            tx.execute(OWN_END[line.dsn.dialect])

    async with Bench(tmp_path, log, [board(handler, retry=Retry(attempts=1))], store) as bench:
        feed(log, 6)
        await until(lambda: bench.dispatcher.subscriptions["board"].lag() == 0)
        await until(lambda: bench.counts("board").dead == 1)
    assert line.seen() == [1, 2, 4, 5, 6]


async def test_who_stands_still_before_a_commit_holds_others_up_for_a_bounded_time(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "LONGEST_IDLE_TRANSACTION_SECONDS", 1)
    still, reached = threading.Event(), threading.Event()

    def fence(connection: sa.Connection) -> None:
        reached.set()
        still.wait(PATIENCE_SECONDS)

    def is_free() -> bool:
        with connecting(line.dsn) as connection:
            free = "SELECT listener FROM batch_cursors FOR UPDATE SKIP LOCKED"
            return bool(connection.exec_driver_sql(free).all())

    async with opened(line.dsn) as database:
        still.set()
        state = await ServerState.open(database, fence, 1, node=lambda: "one")
        store = await state.open_batches("board", 0)
        still.clear()
        reached.clear()
        batch = await store.begin()
        await asyncio.to_thread(batch.execute, "INSERT INTO seen VALUES (?)", (1,))
        commit = asyncio.create_task(store.commit(batch, 1))
        await until(reached.is_set)
        assert not is_free()
        await until(is_free)
        still.set()
        with pytest.raises(StorageError):
            await commit
        store.roll_back(batch)
        after = await store.begin()
        await asyncio.to_thread(after.execute, "INSERT INTO seen VALUES (?)", (2,))
        await store.commit(after, 1)
        await state.close()
    assert line.seen() == [2]
