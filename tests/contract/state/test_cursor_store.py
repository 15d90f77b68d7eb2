"""What every `CursorStore` promises, over each implementation."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from msgspec.structs import replace

from event_system.delivery.ports import BLOCKING, DEAD, RETRYING, Cursor, Progress
from tests.contract.state.places import Place, State
from tests.contract.state.values import replay
from tests.support.memory_retries import failure

ALIKE = ["x", "X", "x ", " x", "é", normalize("NFD", "é"), "e", "ß", "ss", "ё", "е", "🎮"]
"""Names that some database takes for one another."""


async def test_a_fresh_store_knows_nothing(state: State) -> None:
    assert await state.load() == Progress(0, {}, {})
    assert (state.retries.counts, state.retries.latest_us) == ({}, 0)


async def test_what_was_saved_is_loaded_by_the_next_process(place: Place) -> None:
    cursors = [Cursor("x", 0, 5, caught_up=True), Cursor("x", 3, 7, caught_up=False)]
    await place.state.register({"x": 2})
    await place.state.save(9, cursors, [failure("x", 4), failure("x", 6, state=RETRYING)])
    before = place.state.retries.counts, place.state.retries.latest_us

    state = await place.reopen()

    assert await state.load() == Progress(9, {"x": 2}, {(c.listener, c.lane): c for c in cursors})
    assert (state.retries.counts, state.retries.latest_us) == before
    assert state.retries.latest_us == failure().last_us


async def test_neither_a_cursor_nor_what_was_routed_goes_back(state: State) -> None:
    await state.save(9, [Cursor("x", 0, 7, caught_up=True)], [])
    await state.save(3, [Cursor("x", 0, 4, caught_up=False)], [])

    progress = await state.load()

    assert progress.routed == 9
    assert progress.cursors == {("x", 0): Cursor("x", 0, 7, caught_up=False)}


async def test_of_a_cursor_that_is_saved_twice_at_once_the_furthest_stays(state: State) -> None:
    await state.save(9, [Cursor("x", 0, 7, caught_up=True), Cursor("x", 0, 4, caught_up=True)], [])

    assert (await state.load()).cursors["x", 0].offset == 7


async def test_a_listener_keeps_its_first_start(state: State) -> None:
    await state.register({"x": 2, "y": 0})
    await state.register({"x": 8, "z": 3})
    await state.register({})

    assert (await state.load()).starts == {"x": 2, "y": 0, "z": 3}


async def test_the_largest_numbers_are_kept(state: State) -> None:
    last = 2**63 - 1
    await state.register({"x": last})
    await state.save(last, [Cursor("x", 0, last, caught_up=False)], [])

    assert await state.load() == Progress(
        last, {"x": last}, {("x", 0): Cursor("x", 0, last, caught_up=False)}
    )


async def test_names_that_look_alike_are_kept_apart(place: Place) -> None:
    starts = {name: number for number, name in enumerate(ALIKE)} | {"🎮" * 100: 99}
    await place.state.register(starts)
    await place.state.save(
        50,
        [Cursor(name, 0, number, caught_up=False) for name, number in starts.items()],
        [failure(name, 7, at_us=number) for name, number in starts.items()],
    )

    state = await place.reopen()
    progress = await state.load()

    assert progress.starts == starts
    assert {name: cursor.offset for (name, _), cursor in progress.cursors.items()} == starts
    assert {f.listener: f.at_us for f in await state.failures_of(7)} == starts
    assert [f.listener for f in await state.failures_of(7)] == sorted(starts)
    assert set(state.retries.counts) == set(starts)


async def test_thousands_of_cursors_and_failures_are_saved_at_once(state: State) -> None:
    cursors = [Cursor(f"l{n % 50}", n // 50, n, caught_up=n % 2 == 0) for n in range(5_000)]
    failures = [failure(f"l{n % 50}", n, at_us=n, state=RETRYING) for n in range(1, 3_001)]
    for _ in range(2):
        await state.save(1, cursors, failures)

    assert (await state.load()).cursors == {(c.listener, c.lane): c for c in cursors}
    assert sum(each.retrying for each in state.retries.counts.values()) == 3_000
    assert state.retries.latest_us == 3_000


async def test_a_save_that_fails_has_saved_nothing(place: Place) -> None:
    before = failure("x", 4)
    await place.state.save(1, [Cursor("x", 0, 1, caught_up=False)], [before])
    bad = failure("x", 2**64)

    with pytest.raises(Exception):  # noqa: B017, PT011 - each has its own
        await place.state.save(
            9, [Cursor("x", 0, 5, caught_up=False)], [failure("x", 5), bad], [("x", 4)]
        )

    assert place.state.retries.counts["x"].dead == 1
    state = await place.reopen()
    progress = await state.load()
    assert (progress.routed, progress.cursors["x", 0].offset) == (1, 1)
    assert await state.failures_after(0) == [replace(before, traceback="")]
    assert state.retries.counts["x"].dead == 1


async def test_a_failure_is_kept_whole_and_a_later_outcome_replaces_it(state: State) -> None:
    first = replace(failure("x", 4, state=BLOCKING, attempts=1, at_us=9), first_us=3, last_us=3)
    second = replace(
        first, state=RETRYING, attempts=2, at_us=20, error="e2", traceback="t2", last_us=8
    )
    await state.save(0, [], [first])
    assert await state.failures_of(4) == [first]

    await state.save(0, [], [replace(second, first_us=8)])

    assert await state.failures_of(4) == [second], "when it first failed stays"


async def test_of_a_failure_that_is_saved_twice_at_once_the_last_stays(state: State) -> None:
    first, second = failure("x", 4, state=RETRYING, attempts=1), failure("x", 4, attempts=2)
    await state.save(0, [], [first, failure("y", 4), second])

    assert await state.failures_of(4) == [second, failure("y", 4)]
    assert (state.retries.counts["x"].retrying, state.retries.counts["x"].dead) == (0, 1)


async def test_what_is_done_is_a_failure_no_more(state: State) -> None:
    await state.save(0, [], [failure("x", 4), failure("y", 4), failure("x", 5)])
    await state.save(0, [], [], done=[("x", 4), ("nobody", 4), ("x", 99)])

    assert [(f.listener, f.offset) for f in await state.failures_after(0)] == [("y", 4), ("x", 5)]


async def test_failures_are_found_by_the_place_of_their_event(state: State) -> None:
    await state.save(0, [], [failure("x", n, at_us=100 - n) for n in (2, 4, 6)])
    await state.save(0, [], [failure("y", 4, state=RETRYING)])

    after = await state.failures_after(2)

    assert sorted((f.offset, f.listener, f.traceback) for f in after) == [
        (4, "x", ""),
        (4, "y", ""),
        (6, "x", ""),
    ]
    assert {f.error for f in after} == {failure().error}
    assert sorted(await state.failed_offsets(2, 4)) == [2, 4]
    assert await state.failed_offsets(3, 3) == []
    assert await state.failures_of(3) == []


async def test_replays_are_saved_with_the_cursors(state: State) -> None:
    kept = await state.replays.add(replay("x"))
    further = replace(kept, cursors={0: 5, 1: 7}, handled=12, failed=2)

    await state.save(3, [], [failure("x", 1, state=DEAD)], [], [further])

    assert await state.replays.of("x") == [further]
