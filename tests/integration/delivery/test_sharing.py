"""Lanes and listeners go from one dispatcher to another: nothing is lost, nothing out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from event_system.delivery.share import share_of
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.ports import Slice, Transaction
from event_system.events.retry import Retry
from tests.support.delivery import feed
from tests.support.journal import Journal, lane_of, lanes, listener
from tests.support.rows import LANES
from tests.support.sharing import Crew
from tests.support.waiting import until

SOON = Retry(attempts=3, base=0.05, cap=0.05)
NAMES = {"x"}


async def test_each_handles_only_the_lanes_that_it_has(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(lanes(0, 1))
        await crew["b"].dispatcher.sharing.take(lanes(2, 3))
        feed(crew.log, 200, subjects=20)
        await until(lambda: len(journal.ended) == 200)
        assert sorted(journal.offsets) == list(range(1, 201))
        assert all((lane_of(crew, o) in (0, 1)) == (n == "a") for n, o in journal.ended)


async def test_what_nobody_has_waits_in_the_log(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        feed(crew.log, 50, subjects=20)
        assert not crew["a"].dispatcher.busy
        await crew["a"].dispatcher.sharing.take(crew.everything)
        await until(lambda: len(journal.ended) == 50)


async def test_a_handler_may_end_before_its_lane_is_given_up(tmp_path: Path) -> None:
    journal = Journal()
    journal.gates["a"] = asyncio.Event()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 5, subjects=1)
        await until(lambda: journal.begun == [("a", 1)])
        move = asyncio.create_task(crew.move(crew.everything, "a", "b"))
        lane = crew["a"].dispatcher.subscriptions["x"].lanes[lane_of(crew, 1)]
        await until(lambda: not lane.held)
        assert (move.done(), journal.ended) == (False, [])
        journal.gates["a"].set()
        await move
        await until(lambda: len(journal.ended) == 5)
    assert journal.begun == [("a", 1), *(("b", n) for n in range(2, 6))]


async def test_after_the_grace_a_handler_is_cancelled_and_its_event_goes_along(
    tmp_path: Path,
) -> None:
    journal = Journal()
    journal.gates["a"] = asyncio.Event()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 3, subjects=1)
        await until(lambda: journal.begun == [("a", 1)])
        await crew.move(crew.everything, "a", "b", grace_seconds=0)
        await until(lambda: len(journal.ended) == 3)
    assert journal.ended == [("b", 1), ("b", 2), ("b", 3)]


async def test_what_comes_of_a_handler_that_does_not_end_counts_no_more(tmp_path: Path) -> None:
    begun, gate, journal = asyncio.Event(), asyncio.Event(), Journal()

    async def stubborn(event: Event) -> None:
        begun.set()
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("too late")

    def listeners(node: str) -> Sequence[Listener]:
        return [listener(stubborn if node == "a" else journal.handler(node))]

    async with Crew(tmp_path, listeners) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 3, subjects=1)
        await begun.wait()
        await crew.move(crew.everything, "a", "b", grace_seconds=0)
        await until(lambda: len(journal.ended) == 3)
        gate.set()
        await until(lambda: not crew["a"].dispatcher.busy)
        assert crew["a"].dispatcher.failures == {}
        assert await crew["b"].store.failures_of(1) == []
    assert journal.ended == [("b", 1), ("b", 2), ("b", 3)]


async def test_a_lane_that_waits_for_its_first_event_goes_along_with_its_attempts(
    tmp_path: Path,
) -> None:
    calls: list[tuple[str, int]] = []

    def listeners(node: str) -> Sequence[Listener]:
        async def fail_twice(event: Event) -> None:
            calls.append((node, event.offset))
            if event.offset == 1 and len(calls) < 3:
                raise ValueError("not yet")

        return [listener(fail_twice, on_failure="block", retry=SOON)]

    async with Crew(tmp_path, listeners) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 2, subjects=1)
        await until(lambda: crew["a"].dispatcher.subscriptions["x"].next_us is not None)
        await crew.move(crew.everything, "a", "b")
        await until(lambda: len(calls) == 4)
        await until(lambda: not crew["b"].dispatcher.failures)
        assert await crew["b"].store.failures_of(1) == []
    assert calls == [("a", 1), ("b", 1), ("b", 1), ("b", 2)]


async def test_a_lane_that_is_being_read_for_is_read_anew_by_the_next(tmp_path: Path) -> None:
    journal, reads, gate = Journal(), 0, asyncio.Event()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        feed(crew.log, 100, subjects=20)
        read = crew.log.read

        async def slow(after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
            nonlocal reads
            reads += 1
            page = await read(after, limit, lanes)
            if reads == 1:
                await gate.wait()
            return page

        crew.log.read = slow  # type: ignore[method-assign]
        await crew["a"].dispatcher.sharing.take(crew.everything)
        await until(lambda: reads == 1)
        await crew.move(lanes(0, 1), "a", "b")
        await until(lambda: len(journal.ended) > 0)
        gate.set()
        await until(lambda: len(journal.ended) == 100)
        assert sorted(journal.offsets) == list(range(1, 101))
        assert all((lane_of(crew, o) in (0, 1)) == (n == "b") for n, o in journal.ended)


async def test_a_lane_comes_back_with_its_cursor(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        for there, back in (("a", "b"), ("b", "a"), ("a", "b")):
            feed(crew.log, 40, subjects=7)
            await crew.move(lanes(0, 2), there, back)
        await until(lambda: len(journal.ended) == 120)
        await asyncio.gather(
            *(b.dispatcher.sharing.release(crew.everything, 1.0) for b in crew.benches.values())
        )
        cursors = (await crew["a"].store.load()).cursors
        assert {c.offset for c in cursors.values()} == {120}
        assert not any(c.caught_up for c in cursors.values())
    assert sorted(journal.offsets) == list(range(1, 121))


async def test_a_paused_listener_stays_paused_where_its_lanes_go(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        for bench in crew.benches.values():
            bench.dispatcher.hold("x", True)
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 10)
        await crew.move(crew.everything, "a", "b")
        assert journal.begun == []
        crew["b"].dispatcher.hold("x", False)
        await until(lambda: len(journal.ended) == 10)
    assert {node for node, _ in journal.ended} == {"b"}


async def test_what_is_parked_is_tried_again_by_whoever_has_the_listener(tmp_path: Path) -> None:
    calls: list[tuple[str, int]] = []

    def listeners(node: str) -> Sequence[Listener]:
        async def fail_once(event: Event) -> None:
            calls.append((node, event.offset))
            if len(calls) == 1:
                raise ValueError("once")

        return [listener(fail_once, retry=Retry(attempts=3, base=0.3, cap=0.3))]

    async with Crew(tmp_path, listeners) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 1)
        await until(lambda: crew["a"].counts("x").retrying == 1)
        await crew.move(share_of((), (), NAMES), "a", "b")
        await until(lambda: len(calls) == 2)
    assert calls == [("a", 1), ("b", 1)]


async def test_a_batch_listener_goes_whole_and_each_effect_counts_once(tmp_path: Path) -> None:
    def listeners(node: str) -> Sequence[Listener]:
        async def handle(events: Sequence[Event], transaction: Transaction) -> None:
            transaction.execute("CREATE TABLE IF NOT EXISTS seen (node TEXT, offset INTEGER)")
            await asyncio.sleep(0)
            rows = [(node, event.offset) for event in events]
            transaction.executemany("INSERT INTO seen VALUES (?, ?)", rows)

        return [listener(handle, batch=7)]

    async with Crew(tmp_path, listeners) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        for there, back in (("a", "b"), ("b", "a"), ("a", "b")):
            feed(crew.log, 60)
            subscription = crew[there].dispatcher.subscriptions["x"]
            assert subscription.busy
            await crew.move(share_of((), (), NAMES), there, back)
        await until(lambda: not crew["b"].dispatcher.subscriptions["x"].busy)
        store = await crew["a"].store.open_batches("x", 0)
        transaction = await store.begin()
        seen = transaction.execute("SELECT node, offset FROM seen ORDER BY rowid")
        store.roll_back(transaction)
        store.close()
    assert [offset for _, offset in seen] == list(range(1, 181))
    assert {node for node, _ in seen} == {"a", "b"}


async def test_a_replay_goes_on_where_its_listener_goes(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 30)
        await until(lambda: len(journal.ended) == 30 and not crew["a"].dispatcher.busy)
        journal.ended.clear()
        replay = await crew["a"].replays.start("x", 1, rate=100)
        await until(lambda: len(journal.ended) >= 10)
        await crew.move(share_of((), (), NAMES), "a", "b")
        await until(lambda: len(journal.ended) == 30)
        await until(lambda: not crew["b"].dispatcher.replays.by_listener)
        done = await crew["b"].replays.get("x", replay.id)
    assert sorted(journal.offsets) == list(range(1, 31))
    assert {node for node, _ in journal.ended} == {"a", "b"}
    assert (done.state, done.handled) == ("done", 30)


async def test_who_gives_everything_up_at_once_saves_nothing_and_goes_on_with_nothing(
    tmp_path: Path,
) -> None:
    journal = Journal()
    journal.gates["a"] = asyncio.Event()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 3, subjects=1)
        await until(lambda: journal.begun == [("a", 1)])
        await crew["a"].dispatcher.sharing.abandon()
        journal.gates["a"].set()
        feed(crew.log, 3, subjects=1)
        await crew["b"].dispatcher.sharing.take(crew.everything)
        await until(lambda: len(journal.ended) == 6)
        assert not crew["a"].dispatcher.busy
        await crew["b"].dispatcher.sharing.release(crew.everything, 1.0)
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 1)
        await until(lambda: len(journal.ended) == 7)
    assert journal.ended == [*(("b", n) for n in range(1, 7)), ("a", 7)]


async def test_where_the_others_stand_is_seen(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(lanes(0, 1))
        await crew["b"].dispatcher.sharing.take(lanes(2, 3))
        feed(crew.log, 40, subjects=20)
        await until(lambda: len(journal.ended) == 40)
        seen = crew["a"].dispatcher.subscriptions["x"]
        assert seen.lag() > 0
        await until(lambda: not crew["b"].dispatcher.subscriptions["x"].busy)
        await crew["b"].dispatcher._saver.save()
        await crew["a"].dispatcher.sharing.look()
        assert seen.cursors() == dict.fromkeys(range(LANES), 40)
        assert seen.lag() == 0


async def test_a_replay_may_be_asked_for_and_ended_anywhere(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        await crew["a"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 30)
        await until(lambda: len(journal.ended) == 30 and not crew["a"].dispatcher.busy)
        await crew["a"].dispatcher._saver.save()
        replay = await crew["b"].replays.start("x", 1, rate=20)
        assert replay.state == "running"
        await crew["a"].dispatcher.sharing.look()
        await until(lambda: len(journal.ended) > 30)
        await crew["b"].replays.cancel("x", replay.id)
        await crew["a"].dispatcher.sharing.look()
        await until(lambda: not crew["a"].dispatcher.replays.by_listener)
        ended = await crew["b"].replays.get("x", replay.id)
    assert ended.state == "cancelled"
    assert {node for node, _ in journal.ended} == {"a"}
    assert 30 < len(journal.ended) < 60
