"""Failed deliveries: parked or blocking, tried again, dead in the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw
import pytest

from event_system.database.sqlite.batches import file_name
from event_system.delivery.ports import DEAD, Selection
from event_system.events.event import Event, event_of
from event_system.events.listener import Listener
from event_system.events.ports import Delivery, Transaction
from event_system.events.retry import Retry
from tests.support.delivery import Bench, feed
from tests.support.memory_log import MemoryLog
from tests.support.waiting import until

SOON = Retry(attempts=4, base=0.001, cap=0.001)
LATER = Retry(attempts=4, base=600.0)


class Flaky:
    """A handler that fails for an event as often as it is told to; it remembers its calls."""

    def __init__(self, failures: dict[int, int]) -> None:
        self.failures = failures
        self.calls: list[int] = []
        self.handled: list[int] = []

    async def __call__(self, event: Event) -> None:
        self.calls.append(event.offset)
        if self.calls.count(event.offset) <= self.failures.get(event.offset, 0):
            raise ValueError(f"no {event.offset}")
        self.handled.append(event.offset)


def listener(handler: Any, **options: Any) -> Listener:
    chosen = {"name": "x", "patterns": (">",), "start": "beginning", "retry": SOON, **options}
    return Listener(handler=handler, **chosen)


async def delivery(bench: Bench, log: MemoryLog, offset: int) -> Delivery:
    (found,) = await bench.view.of(event_of(offset, log.rows[offset - 1]))
    return found


async def test_a_parked_event_is_tried_until_it_succeeds_and_the_lane_goes_on(
    tmp_path: Path,
) -> None:
    log, flaky = MemoryLog(), Flaky({2: 3})
    async with Bench(tmp_path, log, [listener(flaky)]) as bench:
        feed(log, 20, subjects=1)
        await until(lambda: len(flaky.handled) == 20)
        await until(lambda: not bench.store.retries.counts)
        assert (await delivery(bench, log, 2)).state == "handled"
        assert bench.dispatcher.subscriptions["x"].statistics.retries == 3
    assert flaky.calls.count(2) == 4
    assert [offset for offset in flaky.handled if offset != 2] == [1, *range(3, 21)]


async def test_an_event_is_dead_after_its_attempts_and_is_left_alone(tmp_path: Path) -> None:
    log, flaky = MemoryLog(), Flaky({2: 99})
    async with Bench(tmp_path, log, [listener(flaky)]) as bench:
        feed(log, 3, subjects=1)
        await until(lambda: bool(bench.store.retries.counts.get("x")))
        await until(lambda: bench.store.retries.counts["x"].dead == 1)
        found = await delivery(bench, log, 2)
        page = await bench.store.retries.find(Selection(), 10, None, newest_first=True)
    async with Bench(tmp_path, log, [listener(flaky)]) as bench:
        feed(log, 1)
        await until(lambda: 4 in flaky.handled)
        assert bench.store.retries.counts["x"].dead == 1
    assert (found.state, found.attempts, found.due) == ("dead", 4, None)
    assert flaky.calls.count(2) == 4
    (dead,) = page.failures
    assert dead.error == "ValueError: no 2"
    assert "raise ValueError" in dead.traceback
    assert dead.first_us < dead.last_us <= dead.at_us
    assert dead.type == "player.login"


async def test_a_blocked_lane_keeps_strict_order_while_other_lanes_go_on(tmp_path: Path) -> None:
    log, flaky = MemoryLog(), Flaky({2: 3})
    async with Bench(tmp_path, log, [listener(flaky, on_failure="block")]) as bench:
        feed(log, 100)
        await until(lambda: len(flaky.handled) == 100)
        await until(lambda: not bench.store.retries.counts)
    lane = log.rows[1][4]
    mine = [n for n, row in enumerate(log.rows, 1) if row[4] == lane]
    assert [offset for offset in flaky.handled if offset in mine] == mine
    assert flaky.calls.count(2) == 4


async def test_a_blocked_lane_holds_one_event_and_occupies_no_worker(tmp_path: Path) -> None:
    log, flaky = MemoryLog(), Flaky({1: 99})
    waiting = listener(flaky, on_failure="block", retry=LATER, workers=1)
    async with Bench(tmp_path, log, [waiting]) as bench:
        feed(log, 200)
        lane = log.rows[0][4]
        others = [n for n, row in enumerate(log.rows, 1) if row[4] != lane]
        await until(lambda: set(others) <= set(flaky.handled))
        blocked = bench.dispatcher.subscriptions["x"].lanes[lane]
        assert [event.offset for event in blocked.channel] == [1]
        feed(log, 10)
        assert len(blocked.channel) == 1
        assert (await delivery(bench, log, 1)).state == "retrying"
        assert (await delivery(bench, log, blocked.channel[0].offset)).attempts == 1


async def test_a_blocked_lane_goes_on_after_the_last_attempt(tmp_path: Path) -> None:
    log, flaky = MemoryLog(), Flaky({2: 99})
    async with Bench(tmp_path, log, [listener(flaky, on_failure="block")]) as bench:
        feed(log, 5, subjects=1)
        await until(lambda: flaky.handled == [1, 3, 4, 5])
        await until(lambda: not bench.dispatcher.failures)
        assert (await delivery(bench, log, 2)).state == "dead"
    assert flaky.calls == [1, 2, 2, 2, 2, 3, 4, 5]


@pytest.mark.parametrize("on_failure", ["park", "block"])
async def test_attempts_and_due_time_survive_a_restart(tmp_path: Path, on_failure: str) -> None:
    log, flaky = MemoryLog(), Flaky({2: 99})
    patient = listener(flaky, on_failure=on_failure, retry=LATER)
    async with Bench(tmp_path, log, [patient]) as bench:
        feed(log, 3, subjects=1)
        await until(lambda: 2 in flaky.calls)
        await until(lambda: not bench.dispatcher.failures and not bench.dispatcher._saver._dirty)
        before = await delivery(bench, log, 2)
    async with Bench(tmp_path, log, [patient]) as bench:
        feed(log, 5, subjects=5)
        await until(lambda: len(set(flaky.handled)) >= 3)
        assert await delivery(bench, log, 2) == before
    assert before.attempts == 1
    assert before.due is not None
    assert flaky.calls.count(2) == 1
    impatient = listener(flaky, on_failure=on_failure, retry=SOON)
    rows = apsw.Connection(str(tmp_path / "state.db"))
    rows.execute("UPDATE retries SET at_us = 0")
    rows.close()
    async with Bench(tmp_path, log, [impatient]) as bench:
        await until(lambda: flaky.calls.count(2) == 4)
        await until(lambda: bench.store.retries.counts["x"].dead == 1)
        await until(lambda: set(flaky.handled) == {1, *range(3, 9)})


async def write(events: list[Event], tx: Transaction) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS seen (offset INTEGER)")
    tx.executemany("INSERT INTO seen VALUES (?)", [(event.offset,) for event in events])


def seen(directory: Path) -> list[int]:
    path = directory / "listeners" / file_name("x")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    if not connection.table_exists(None, "seen"):
        return []
    return [offset for (offset,) in connection.execute("SELECT offset FROM seen ORDER BY rowid")]


class FlakyBatch:
    """A batch handler that writes, and then fails while an event of the batch has to."""

    def __init__(self, failures: dict[int, int]) -> None:
        self.left = Counter(failures)
        self.alone: Counter[int] = Counter()

    async def __call__(self, events: list[Event], tx: Transaction) -> None:
        await write(events, tx)
        if len(events) == 1:
            self.alone[events[0].offset] += 1
        for event in events:
            if self.left[event.offset] > 0:
                self.left[event.offset] -= len(events) == 1
                raise ValueError(f"no {event.offset}")


def failed_in_file(directory: Path) -> list[tuple[Any, ...]]:
    path = directory / "listeners" / file_name("x")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    return list(connection.execute("SELECT offset, state, attempts FROM event_system_retries"))


async def test_a_retried_event_of_a_batch_listener_has_its_effect_once(tmp_path: Path) -> None:
    log, flaky = MemoryLog(), FlakyBatch({7: 2, 9: 99})
    async with Bench(tmp_path, log, [listener(flaky, batch=10)]) as bench:
        feed(log, 30)
        await until(lambda: len(seen(tmp_path)) == 29)
        await until(lambda: failed_in_file(tmp_path) == [(9, DEAD, 4)])
        assert (await delivery(bench, log, 9)).state == "dead"
    assert Counter(seen(tmp_path)) == Counter(n for n in range(1, 31) if n != 9)
    assert flaky.alone[7] == 3
    assert flaky.alone[9] == 4


async def test_a_blocking_batch_listener_keeps_the_order_of_the_log(tmp_path: Path) -> None:
    log, flaky = MemoryLog(), FlakyBatch({7: 2, 9: 99})
    async with Bench(tmp_path, log, [listener(flaky, batch=10, on_failure="block")]):
        feed(log, 30)
        await until(lambda: len(seen(tmp_path)) == 29)
    assert seen(tmp_path) == [n for n in range(1, 31) if n != 9]
    assert failed_in_file(tmp_path) == [(9, DEAD, 4)]


@pytest.mark.parametrize("on_failure", ["park", "block"])
async def test_an_event_in_hand_when_the_process_ended_has_had_an_attempt(
    tmp_path: Path, on_failure: str
) -> None:
    log = MemoryLog()
    feed(log, 5, subjects=1)
    hanging = Hanging({2})
    for attempt in range(1, 5):
        bench = Bench(tmp_path, log, [listener(hanging, on_failure=on_failure)])
        await bench.__aenter__()
        await until(lambda n=attempt: hanging.calls.count(2) == n)  # type: ignore[misc]
        await kill(bench, tmp_path)
    async with Bench(tmp_path, log, [listener(hanging, on_failure=on_failure)]) as bench:
        await until(lambda: set(hanging.handled) == {1, 3, 4, 5})
        found = await delivery(bench, log, 2)
        assert bench.store.retries.counts["x"].dead == 1
    assert hanging.calls.count(2) == 4
    assert (found.state, found.attempts) == ("dead", 4)
    assert found.error == "the process ended while the handler ran"


@pytest.mark.parametrize("batch", [0, 10])
async def test_a_requeued_event_in_hand_when_the_process_ended_is_tried_again(
    tmp_path: Path, batch: int
) -> None:
    log, hanging = MemoryLog(), Hanging({2})
    feed(log, 5, subjects=1)
    handler = hanging.batch if batch else hanging
    once = listener(handler, batch=batch, retry=Retry(attempts=1), timeout=60)
    async with Bench(tmp_path, log, [once]) as bench:
        for _ in range(2 if batch else 1):  # with others, and alone
            await until(hanging.entered.is_set)
            hanging.entered.clear()
            bench.passes(61)
        await until(lambda: len(hanging.handled) == 4)
        await until(lambda: bench.counts("x").dead == 1)
    patient = listener(handler, batch=batch, timeout=60)
    for attempt in range(1, 5):
        hanging.entered.clear()
        bench = Bench(tmp_path, log, [patient])
        await bench.__aenter__()
        if attempt == 1:
            assert await bench.dead_letters.requeue(Selection()) == 1
        await until(hanging.entered.is_set)
        await kill(bench, tmp_path)
    async with Bench(tmp_path, log, [patient]) as bench:
        await until(lambda: bench.counts("x").dead == 1)
        found = await delivery(bench, log, 2)
    assert (found.state, found.attempts) == ("dead", 4)
    assert found.error == "the process ended while the handler ran"


async def test_only_the_event_of_a_batch_that_ended_the_process_is_charged(tmp_path: Path) -> None:
    log = MemoryLog()
    feed(log, 20)
    hanging = Hanging({7})
    for _ in range(5):
        bench = Bench(tmp_path, log, [listener(hanging.batch, batch=10)])
        await bench.__aenter__()
        await hanging.entered.wait()
        hanging.entered.clear()
        await kill(bench, tmp_path)
    async with Bench(tmp_path, log, [listener(hanging.batch, batch=10)]):
        await until(lambda: len(seen(tmp_path)) == 19)
    assert seen(tmp_path) == [n for n in range(1, 21) if n != 7]
    assert failed_in_file(tmp_path) == [(7, DEAD, 4)]


class Hanging:
    """A handler that never comes back from some events."""

    def __init__(self, poison: set[int]) -> None:
        self.poison = poison
        self.calls: list[int] = []
        self.handled: list[int] = []
        self.entered = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        await self._handle([event])

    async def batch(self, events: list[Event], tx: Transaction) -> None:
        await self._handle(events)
        await write(events, tx)

    async def _handle(self, events: Iterable[Event]) -> None:
        offsets = [event.offset for event in events]
        self.calls += offsets
        if self.poison & set(offsets):
            self.entered.set()
            await asyncio.Event().wait()
        self.handled += offsets


async def kill(bench: Bench, directory: Path) -> None:
    """End as by `kill -9`: what is on the board stays there."""
    board = (directory / "inflight.board").read_bytes()
    await bench.crash()
    (directory / "inflight.board").write_bytes(board)


async def test_events_in_a_sync_listeners_hands_at_the_end_have_had_their_attempt(
    tmp_path: Path,
) -> None:
    log, patient, poisoned = MemoryLog(), Flaky({}), Hanging({1, 2, 4})
    listeners = [
        listener(patient, name="before", mode="sync", priority=5),
        listener(poisoned, name="in hand", mode="sync"),
        listener(Flaky({}), name="after", mode="sync", priority=-5),
    ]
    bench = await Bench(tmp_path, log, listeners).__aenter__()
    feed(log, 4)
    bench.sync.take_places(bench.dispatcher.inline_places())
    under_way = [asyncio.create_task(dispatch(bench, log, offset)) for offset in (1, 2, 3, 4)]
    await until(lambda: len(poisoned.calls) == 4 and under_way[2].done())
    await kill(bench, tmp_path)
    async with Bench(tmp_path, log, listeners) as bench:
        dead = {
            (failure.listener, offset): (failure.state, failure.attempts)
            for offset in (1, 2, 3, 4)
            for failure in await bench.store.failures_of(offset)
        }
        assert dead == {("in hand", offset): (DEAD, 1) for offset in (1, 2, 4)}


async def dispatch(bench: Bench, log: MemoryLog, offset: int) -> None:
    event = event_of(offset, log.rows[offset - 1])
    await bench.sync.run(event, bench.registry.route(event.type).sync)
