"""What every `ListenerStore` promises, over each implementation."""

from __future__ import annotations

from event_system.delivery.ports import RETRYING, Cursor
from tests.contract.state.places import Place, State
from tests.contract.state.values import over, replay
from tests.support.memory_retries import failure


async def test_only_a_batch_listener_has_a_batch_cursor(state: State) -> None:
    await state.register({"x": 3, "board": 5})
    store = await state.open_batches("board", 5)
    await store.advance(8)

    assert await state.known.batch_cursor("board") == 8
    assert await state.known.batch_cursor("x") is None
    assert await state.known.batch_cursor("Board") is None
    store.close()


async def test_a_purged_listener_is_as_if_it_had_never_been(place: Place) -> None:
    state = place.state
    for name in ("x", "X"):
        await state.register({name: 3})
        failures = [failure(name, 4), failure(name, 5, state=RETRYING)]
        await state.save(9, [Cursor(name, 0, 5, caught_up=True)], failures)
        await state.pauses.put(name, 7)
        await state.replays.add(replay(name))
        await state.replays.add(over(name))

    await state.known.purge("x")

    state = await place.reopen()
    progress = await state.load()
    assert (set(progress.starts), {name for name, _ in progress.cursors}) == ({"X"}, {"X"})
    assert {f.listener for f in await state.failures_after(0)} == {"X"}
    assert {name: (c.retrying, c.dead) for name, c in state.retries.counts.items()} == {"X": (1, 1)}
    assert await state.pauses.load() == {"X": 7}
    assert await state.replays.of("x") == []
    assert len(await state.replays.of("X")) == 2


async def test_a_purged_batch_listener_comes_back_as_a_new_one(place: Place) -> None:
    store = await place.state.open_batches("board", 5)
    await store.advance(8, failure("board", 8))
    await (await store.replaying("1-1", 0)).advance(3)
    store.close()

    await place.state.known.purge("board")

    state = await place.reopen()
    assert await state.known.batch_cursor("board") is None
    again = await state.open_batches("board", 20)
    assert (again.cursor, again.retries.counts, again.retries.latest_us) == (20, {}, 0)
    assert (await again.replaying("1-1", 1)).cursor == 1
    again.close()


async def test_purging_may_be_repeated(state: State) -> None:
    for _ in range(2):
        await state.known.purge("nobody")

    assert (await state.load()).starts == {}


async def test_thousands_of_failures_are_purged(state: State) -> None:
    await state.save(0, [], [failure("x", n) for n in range(1, 5_001)] + [failure("y", 1)])

    await state.known.purge("x")

    assert [f.listener for f in await state.failures_after(0)] == ["y"]
