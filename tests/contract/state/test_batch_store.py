"""What every `BatchStore` and its `Transaction` promise, over each implementation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from event_system.delivery.ports import DEAD, RETRYING, BatchStore, Counts, Parked, Selection
from event_system.events.ports import Transaction
from tests.contract.state.places import Place, State
from tests.support.memory_retries import failure

PATIENCE = 20.0


@pytest.fixture
async def board(state: State) -> AsyncIterator[BatchStore]:
    """A new batch listener that begins after offset 5, with a table `seen`."""
    store = await state.open_batches("board", 5)
    transaction = await store.begin()
    transaction.execute("CREATE TABLE seen (n BIGINT, what VARCHAR(40))")
    await store.commit(transaction, 5)
    yield store
    store.close()


def write(transaction: Transaction, *numbers: int) -> None:
    transaction.executemany("INSERT INTO seen (n) VALUES (?)", [(n,) for n in numbers])


async def seen(store: BatchStore) -> list[int]:
    """What the listener's table holds."""
    transaction = await store.begin()
    rows = transaction.execute("SELECT n FROM seen ORDER BY n")
    store.roll_back(transaction)
    return [n for (n,) in rows]


# The cursor


async def test_a_new_listener_begins_where_it_wants_to_and_keeps_its_cursor(place: Place) -> None:
    store = await place.state.open_batches("board", 5)
    assert store.cursor == 5
    await store.advance(9)
    assert store.cursor == 9
    store.close()

    again = await (await place.reopen()).open_batches("board", 5)

    assert again.cursor == 9
    again.close()


async def test_listeners_whose_names_look_alike_have_cursors_of_their_own(state: State) -> None:
    names = ["b", "B", "b ", "ß", "ss", "🎮" * 100]
    stores = [await state.open_batches(name, number) for number, name in enumerate(names)]
    assert [store.cursor for store in stores] == list(range(6))
    for store in stores:
        store.close()


async def test_effect_and_cursor_are_committed_together(place: Place, board: BatchStore) -> None:
    transaction = await board.begin()
    write(transaction, 1, 2)
    await board.commit(transaction, 8)
    board.close()

    store = await (await place.reopen()).open_batches("board", 0)

    assert (store.cursor, await seen(store)) == (8, [1, 2])
    store.close()


async def test_what_was_not_committed_is_gone_with_its_process(
    place: Place, board: BatchStore
) -> None:
    write(await board.begin(), 1, 2)
    board.close()

    store = await (await place.reopen()).open_batches("board", 0)

    assert (store.cursor, await seen(store)) == (5, [])
    store.close()


async def test_a_cursor_never_goes_back(place: Place, board: BatchStore) -> None:
    await board.advance(9)
    await board.advance(7)
    await board.commit(await board.begin(), 6)
    assert board.cursor == 9
    board.close()

    store = await (await place.reopen()).open_batches("board", 0)

    assert store.cursor == 9
    store.close()


async def test_a_transaction_without_any_statement_moves_the_cursor(board: BatchStore) -> None:
    await board.commit(await board.begin(), 6)

    assert board.cursor == 6


# Transactions


async def test_what_was_rolled_back_has_no_effect_and_refuses_further_use(
    board: BatchStore,
) -> None:
    transaction = await board.begin()
    write(transaction, 1)
    board.roll_back(transaction)

    assert await seen(board) == []
    assert board.cursor == 5
    for statement in ("SELECT 1", "INSERT INTO seen (n) VALUES (7)"):
        with pytest.raises(RuntimeError, match="ended"):
            transaction.execute(statement)
        with pytest.raises(RuntimeError, match="ended"):
            transaction.executemany(statement, [()])
    assert await seen(board) == []


async def test_what_was_committed_refuses_further_use(board: BatchStore) -> None:
    transaction = await board.begin()
    write(transaction, 1)
    await board.commit(transaction, 6)

    with pytest.raises(RuntimeError, match="ended"):
        transaction.execute("SELECT 1")
    with pytest.raises(RuntimeError, match="ended"):
        write(transaction, 2)

    assert await seen(board) == [1]


async def test_a_transaction_that_has_ended_is_not_committed(board: BatchStore) -> None:
    transaction = await board.begin()
    write(transaction, 1)
    board.roll_back(transaction)

    with pytest.raises(RuntimeError, match="ended"):
        await board.commit(transaction, 9)

    assert (board.cursor, await seen(board)) == (5, [])


async def test_it_reads_its_own_writes_as_tuples(board: BatchStore) -> None:
    transaction = await board.begin()
    write(transaction, 2, 1)
    transaction.execute("INSERT INTO seen VALUES (?, ?)", (3, "drei ⚡ 'q' %s"))

    rows = transaction.execute("SELECT n, what FROM seen ORDER BY n")

    assert rows == [(1, None), (2, None), (3, "drei ⚡ 'q' %s")]
    assert {type(row) for row in rows} == {tuple}
    assert transaction.execute("DELETE FROM seen") == []
    board.roll_back(transaction)


async def test_parameters_are_given_by_place_or_by_name(board: BatchStore) -> None:
    transaction = await board.begin()
    transaction.execute("INSERT INTO seen VALUES (:n, :what)", {"what": "a", "n": 1, "more": 0})
    transaction.executemany(
        "INSERT INTO seen VALUES (:n, 'it''s :n? 100%') -- ? :n %s",
        [{"n": 2}, {"n": 3}],
    )
    transaction.execute("UPDATE seen SET what = ? WHERE n = ?", ["%(n)s", 3])

    rows = transaction.execute("SELECT n, what FROM seen WHERE n >= :low ORDER BY n", {"low": 1})

    assert rows == [(1, "a"), (2, "it's :n? 100%"), (3, "%(n)s")]
    assert transaction.execute("SELECT count(*) FROM seen WHERE what LIKE '%:n?%'") == [(1,)]
    transaction.executemany("INSERT INTO seen (n) VALUES (?)", [])
    board.roll_back(transaction)


async def test_a_statement_that_fails_harms_only_its_transaction(board: BatchStore) -> None:
    transaction = await board.begin()
    write(transaction, 1)
    with pytest.raises(Exception):  # noqa: B017, PT011 - each has its own
        transaction.execute("SELECT nothing FROM nowhere")
    board.roll_back(transaction)

    again = await board.begin()
    write(again, 2)
    await board.commit(again, 6)

    assert await seen(board) == [2]


@pytest.mark.parametrize("parameters", [(), (1, 2), {"m": 1}])
async def test_missing_parameters_are_refused(board: BatchStore, parameters: object) -> None:
    transaction = await board.begin()
    with pytest.raises(Exception):  # noqa: B017, PT011 - each has its own
        transaction.execute("INSERT INTO seen (n) VALUES (?)", parameters)  # type: ignore[arg-type]
    board.roll_back(transaction)

    assert await seen(board) == []


async def test_any_thread_may_use_it(board: BatchStore) -> None:
    transaction = await board.begin()
    await asyncio.to_thread(write, transaction, 1)
    other = threading.Thread(target=write, args=(transaction, 2))
    other.start()
    other.join()
    write(transaction, 3)
    await board.commit(transaction, 8)

    assert await seen(board) == [1, 2, 3]


async def test_one_transaction_begins_when_the_one_before_has_ended(board: BatchStore) -> None:
    first = await board.begin()
    waiting = asyncio.create_task(board.begin())
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    write(first, 1)

    await board.commit(first, 6)

    async with asyncio.timeout(PATIENCE):
        second = await waiting
    assert second.execute("SELECT n FROM seen") == [(1,)]
    board.roll_back(second)


async def test_an_open_transaction_holds_up_no_other_listener(
    state: State, board: BatchStore
) -> None:
    others = [await state.open_batches(f"other {n}", 0) for n in range(30)]
    write(await board.begin(), 1)
    held = [await store.begin() for store in others[1:]]
    for number, transaction in enumerate(held):
        transaction.execute(f"CREATE TABLE t{number} (n BIGINT)")

    async with asyncio.timeout(PATIENCE):
        await others[0].commit(await others[0].begin(), 3)
        await others[0].advance(4, failure("other 0", 4, state=RETRYING))
        await state.save(9, [], [failure("x", 1)])
        await state.retries.requeue(Selection(), 9, 10, None)
        assert await board.failures_after(0) == []
        assert (await board.retries.due("board", 9, 9)).rows == []

    assert others[0].cursor == 4
    for store, transaction in zip(others[1:], held, strict=True):
        store.roll_back(transaction)
    for store in others:
        store.close()


async def test_a_statement_that_runs_for_ever_ends_when_it_is_rolled_back(
    place: Place, board: BatchStore
) -> None:
    transaction = await board.begin()
    write(transaction, 1)
    started, ended = threading.Event(), []

    def run() -> None:
        started.set()
        with pytest.raises(Exception) as error:  # noqa: PT011 - each has its own
            transaction.execute(place.endless)
        ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    await asyncio.to_thread(started.wait)
    await asyncio.to_thread(thread.join, 0.2)
    assert thread.is_alive()

    board.roll_back(transaction)

    async with asyncio.timeout(PATIENCE):
        assert await seen(board) == []
        await asyncio.to_thread(thread.join)
    assert len(ended) == 1
    with pytest.raises(RuntimeError, match="ended"):
        transaction.execute("SELECT 1")


# Failures


async def test_a_failure_is_kept_with_the_cursor_and_removed_with_the_effect(
    place: Place, board: BatchStore
) -> None:
    parked = failure("board", 6, state=RETRYING, attempts=1)
    await board.advance(6, parked)
    assert (board.cursor, board.retries.counts) == (6, {"board": Counts(1, 0, 1)})
    assert board.retries.latest_us == parked.last_us
    assert (await board.retries.due("board", parked.at_us, 9)).rows == [Parked(6, 1)]
    assert await board.failures_of(6) == [parked]
    assert [f.traceback for f in await board.failures_after(5)] == [""]
    assert await board.failed_offsets(6, 6) == [6]

    transaction = await board.begin()
    write(transaction, 6)
    board.roll_back(transaction)
    assert await board.failures_of(6) == [parked]

    transaction = await board.begin()
    write(transaction, 6)
    await board.commit(transaction, 6, done=6)

    assert (await board.failures_of(6), board.retries.counts) == ([], {})
    board.close()
    again = await (await place.reopen()).open_batches("board", 0)
    assert (again.retries.counts, await seen(again)) == ({}, [6])
    again.close()


async def test_its_failures_are_none_of_the_others(state: State, board: BatchStore) -> None:
    await state.save(0, [], [failure("x", 6), failure("board", 6)])
    other = await state.open_batches("other", 0)
    await other.advance(6, failure("other", 6))
    await board.advance(6, failure("board", 6, state=RETRYING))

    assert [(f.listener, f.state) for f in await board.failures_of(6)] == [("board", RETRYING)]
    assert [f.listener for f in await other.failures_of(6)] == ["other"]
    assert {f.state for f in await state.failures_of(6)} == {DEAD}
    assert [f.listener for f in await state.failures_of(6)] == ["board", "x"]
    assert set(state.retries.counts) == {"board", "x"}
    assert (await board.retries.count(Selection(), 10, None)).number == 0
    assert (await board.retries.discard(Selection(state=RETRYING), 10, None)).number == 1
    assert (await state.retries.discard(Selection(), 10, None)).number == 2
    assert [f.listener for f in await other.failures_of(6)] == ["other"]
    other.close()


async def test_a_process_later_failures_are_counted_still(place: Place, board: BatchStore) -> None:
    await board.advance(7, failure("board", 7))
    await board.retries.requeue(Selection(), 5_000_000, 10, None)
    board.close()

    store = await (await place.reopen()).open_batches("board", 0)

    assert store.retries.counts == {"board": Counts(1, 0, 1)}
    assert store.retries.latest_us == 5_000_000
    store.close()


# Replays


async def test_a_replay_has_a_cursor_of_its_own_beside_the_live_one(
    place: Place, board: BatchStore
) -> None:
    replay = await board.replaying("1-1", 2)
    assert replay.cursor == 2
    transaction = await replay.begin()
    write(transaction, 3)
    await replay.commit(transaction, 3)
    await replay.advance(4, failure("board", 4, state=RETRYING))
    replay.close()

    assert (board.cursor, await seen(board)) == (5, [3])
    assert await board.failures_of(4) == [failure("board", 4, state=RETRYING)]
    assert board.retries.counts == {"board": Counts(1, 0, 1)}
    board.close()
    live = await (await place.reopen()).open_batches("board", 0)
    assert (live.cursor, (await live.replaying("1-1", 2)).cursor) == (5, 4)
    live.close()


async def test_a_new_mark_begins_anew(board: BatchStore) -> None:
    await (await board.replaying("1-1", 2)).advance(4)
    assert (await board.replaying("1-1", 2)).cursor == 4

    assert (await board.replaying("2-7", 1)).cursor == 1
    assert (await board.replaying("1-1", 2)).cursor == 2


async def test_a_replay_and_live_delivery_take_turns(board: BatchStore) -> None:
    replay = await board.replaying("1-1", 2)
    live = await board.begin()
    waiting = asyncio.create_task(replay.begin())
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()

    board.roll_back(live)

    async with asyncio.timeout(PATIENCE):
        replay.roll_back(await waiting)
