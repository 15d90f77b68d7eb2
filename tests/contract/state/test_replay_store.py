"""What every `ReplayStore` promises, over each implementation."""

from __future__ import annotations

from msgspec.structs import replace

from event_system.delivery.replays.replay import KEPT
from tests.contract.state.places import Place, State
from tests.contract.state.values import over, replay


async def test_a_new_replay_gets_a_number_of_its_own_and_is_kept_whole(place: Place) -> None:
    first = await place.state.replays.add(replay("x"))
    second = await place.state.replays.add(replay("y"))

    assert first == replay("x", id=first.id)
    assert 0 < first.id < second.id
    assert await (await place.reopen()).replays.of("x") == [first]


async def test_those_of_a_listener_come_newest_first(state: State) -> None:
    first = await state.replays.add(over("x"))
    await state.replays.add(over("X"))
    second = await state.replays.add(replay("x"))

    assert await state.replays.of("x") == [second, first]
    assert await state.replays.of("nobody") == []


async def test_unfinished_ones_are_those_that_run(state: State) -> None:
    ended = await state.replays.add(replay("x"))
    running = await state.replays.add(replay("y"))
    await state.replays.put(replace(ended, state="cancelled", ended_us=7))

    assert await state.replays.unfinished() == [running]
    assert (await state.replays.of("x"))[0].state == "cancelled"


async def test_what_nobody_added_is_not_put(state: State) -> None:
    await state.replays.put(replay("x", id=77))

    assert await state.replays.of("x") == []


async def test_the_oldest_of_a_listeners_ended_ones_go(state: State) -> None:
    running = await state.replays.add(replay("x"))
    other = await state.replays.add(over("y"))
    ended = [await state.replays.add(over("x")) for _ in range(KEPT + 3)]

    kept = await state.replays.of("x")

    assert kept == [*reversed(ended[3:]), running]
    assert await state.replays.of("y") == [other]


async def test_a_number_is_never_given_again(place: Place) -> None:
    last = await place.state.replays.add(replay("x"))
    await place.state.known.purge("x")

    state = await place.reopen()

    assert (await state.replays.add(replay("x"))).id > last.id
