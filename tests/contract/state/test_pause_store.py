"""What every `PauseStore` promises, over each implementation."""

from __future__ import annotations

from tests.contract.state.places import Place, State


async def test_a_pause_is_kept_until_it_is_dropped(place: Place) -> None:
    await place.state.pauses.put("x", 5)
    await place.state.pauses.put("x ", 2**62)
    assert await (await place.reopen()).pauses.load() == {"x": 5, "x ": 2**62}

    await place.state.pauses.drop("x")

    assert await (await place.reopen()).pauses.load() == {"x ": 2**62}


async def test_a_later_pause_replaces_an_earlier_one(state: State) -> None:
    for until_us in (9, 3):
        await state.pauses.put("x", until_us)

    assert await state.pauses.load() == {"x": 3}


async def test_dropping_may_be_repeated(state: State) -> None:
    for _ in range(2):
        await state.pauses.drop("x")

    assert await state.pauses.load() == {}
