"""What every `RetryStore` promises, over each implementation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from event_system.delivery.ports import (
    BLOCKING,
    DEAD,
    RETRYING,
    Counts,
    Failed,
    FailedFilter,
    Failure,
    FailurePage,
    Parked,
    Place,
    RetryStore,
    Selection,
)
from tests.contract.state.places import Place as Where
from tests.contract.state.places import State
from tests.support.memory_retries import failure


async def keep(state: State, *failures: Failure) -> RetryStore:
    await state.save(0, [], failures)
    return state.retries


async def every_page(
    store: RetryStore, wanted: Selection, limit: int, *, newest_first: bool
) -> list[tuple[str, int]]:
    found: list[Failure] = []
    page = FailurePage([], None)
    while True:
        page = await store.find(wanted, limit, page.next, newest_first=newest_first)
        assert len(page.failures) <= limit
        found += page.failures
        if page.next is None:
            return [(f.listener, f.offset) for f in found]


# What is due


async def test_due_are_parked_ones_whose_time_has_come_longest_waiting_first(state: State) -> None:
    store = await keep(
        state,
        *(failure("x", n, at_us=at, state=RETRYING, attempts=n) for n, at in [(1, 9), (2, 5)]),
        failure("x", 3, at_us=5, state=RETRYING),
        failure("x", 4, at_us=30, state=RETRYING),
        failure("x", 5, at_us=20, state=RETRYING),
        failure("x", 6, at_us=1, state=BLOCKING),
        failure("x", 7, at_us=1, state=DEAD),
        failure("X", 8, at_us=1, state=RETRYING),
    )

    due = await store.due("x", 9, 10)

    assert due.rows == [Parked(2, 2), Parked(3, 5), Parked(1, 1)]
    assert due.next_us == 20
    assert (await store.due("x", 9, 2)).rows == due.rows[:2]
    assert (await store.due("x", 100, 10)).next_us is None
    assert ((await store.due("nobody", 9, 9)).rows, (await store.due("y", 9, 9)).next_us) == (
        [],
        None,
    )


# Outcomes


async def test_outcomes_are_kept_and_what_was_discarded_stays_away(state: State) -> None:
    before = [failure("x", n, state=RETRYING, attempts=1) for n in (1, 2, 3)]
    store = await keep(state, *before)
    await store.discard(Selection(state=RETRYING, offsets=frozenset({3})), 10, None)
    again = [
        replace(f, attempts=2, at_us=99, last_us=88, error="again", first_us=7, type="other")
        for f in before
    ]

    await store.settle([again[0], again[2]], [("x", 2), ("x", 77), ("nobody", 1)])

    assert await state.failures_of(1) == [replace(again[0], first_us=1, type="player.login")]
    assert await state.failures_of(2) == await state.failures_of(3) == []
    assert store.latest_us == before[0].last_us


async def test_numbers_are_told_without_asking_as_of_the_last_write(place: Where) -> None:
    state = place.state
    store = await keep(
        state,
        replace(failure("x", 5, state=RETRYING), first_us=50),
        replace(failure("x", 4, state=BLOCKING), first_us=40),
        replace(failure("x", 9, state=RETRYING), first_us=9),
        failure("x", 1),
        failure("y", 1),
    )
    assert store.counts == {"x": Counts(3, 1, 40), "y": Counts(0, 1, None)}

    await store.settle([failure("x", 4, state=DEAD, at_us=2_000_000)], [("x", 9), ("y", 1)])
    assert store.counts == {"x": Counts(1, 2, 50)}
    assert store.latest_us == 2_000_000

    await store.requeue(Selection(), 3_000_000, 10, None)
    assert store.counts["x"].retrying == 3
    assert store.latest_us == 3_000_000

    await store.discard(Selection(state=RETRYING, offsets=frozenset({1})), 10, None)
    await state.save(0, [], [], [("x", 4)])
    assert store.counts == {"x": Counts(1, 0, 50)}
    assert (await place.reopen()).retries.counts == store.counts
    assert place.state.retries.latest_us == 3_000_000


# Lists


MANY = [
    failure(listener, offset, at_us=at_us, type_=type_)
    for listener in ("a", "b", "é")
    for offset, at_us, type_ in [
        (1, 50, "player.login"),
        (2, 10, "player.logout"),
        (3, 10, "guild.founded"),
        (4, 10, "player.item.drop"),
        (9, 11, "player.login"),
    ]
]
IN_ORDER = sorted((f.at_us, f.offset, f.listener) for f in MANY)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 4, 100])
async def test_pages_come_in_order_and_none_is_missed(
    state: State, limit: int, newest_first: bool
) -> None:
    store = await keep(state, *MANY, failure("a", 50, state=RETRYING))

    found = await every_page(store, Selection(), limit, newest_first=newest_first)

    expected = [(listener, offset) for _, offset, listener in IN_ORDER]
    assert found == (expected[::-1] if newest_first else expected)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (Selection(listener="b"), lambda f: f.listener == "b"),
        (Selection(listener="B"), lambda f: False),
        (Selection(pattern="player.*"), lambda f: f.type in ("player.login", "player.logout")),
        (
            Selection(pattern="player.>", listener="é"),
            lambda f: f.listener == "é" and f.offset != 3,
        ),
        (Selection(since_us=10, until_us=11), lambda f: f.at_us == 10),
        (Selection(since_us=11), lambda f: f.at_us > 10),
        (Selection(offsets=frozenset({1, 4, 77})), lambda f: f.offset in (1, 4)),
        (
            Selection(offsets=frozenset({1, 4}), listener="a", until_us=50, pattern="player.>"),
            lambda f: (f.listener, f.offset) == ("a", 4),
        ),
        (Selection(offsets=frozenset()), lambda f: False),
        (Selection(state=RETRYING), lambda f: False),
    ],
)
async def test_a_selection_means_what_it_says(
    state: State, wanted: Selection, meant: object, newest_first: bool
) -> None:
    store = await keep(state, *MANY)
    assert callable(meant)
    expected = sorted((f.at_us, f.offset, f.listener) for f in MANY if meant(f))
    if newest_first:
        expected.reverse()

    found = await every_page(store, wanted, 100, newest_first=newest_first)

    assert found == [(listener, offset) for _, offset, listener in expected]
    assert (await store.count(wanted, 1_000, None)).number == len(expected)


async def test_a_page_gives_failures_whole(state: State) -> None:
    store = await keep(state, *MANY)

    page = await store.find(Selection(listener="a"), 2, None, newest_first=True)

    assert page.failures == [MANY[0], MANY[4]]


async def test_a_page_goes_on_from_a_place_that_is_gone(state: State) -> None:
    store = await keep(state, *MANY)
    gone: Place = (10, 3, "b")
    await store.discard(Selection(offsets=frozenset({3}), listener="b"), 1, None)

    upward = await store.find(Selection(), 2, gone, newest_first=False)
    downward = await store.find(Selection(), 2, gone, newest_first=True)

    assert [(f.offset, f.listener) for f in upward.failures] == [(3, "é"), (4, "a")]
    assert [(f.offset, f.listener) for f in downward.failures] == [(3, "a"), (2, "é")]


# By the place of their events


async def test_failures_of_many_events_are_found_at_once(state: State) -> None:
    store = await keep(state, *MANY, failure("a", 50, state=RETRYING))

    found = await store.among([*range(5, 6_000), 1])

    assert sorted(found) == [
        *(Failed(1, name, DEAD) for name in ("a", "b", "é")),
        *(Failed(9, name, DEAD) for name in ("a", "b", "é")),
        Failed(50, "a", RETRYING),
    ]
    assert await store.among([]) == []


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("listener", [None, "b"])
@pytest.mark.parametrize("states", [(DEAD,), (RETRYING, BLOCKING), (DEAD, RETRYING, BLOCKING)])
async def test_a_walk_goes_by_the_place_of_events(
    state: State, states: tuple[str, ...], listener: str | None, newest_first: bool
) -> None:
    parked = [failure("b", n, state=RETRYING if n % 2 else BLOCKING) for n in (5, 6, 7, 8)]
    store = await keep(state, *MANY, *parked)
    expected = sorted(
        Failed(f.offset, f.listener, f.state)
        for f in (*MANY, *parked)
        if f.state in states
        and listener in (None, f.listener)
        and (f.offset <= 7 if newest_first else f.offset >= 3)
    )
    if newest_first:
        expected.reverse()
    wanted = FailedFilter(states, listener, 7 if newest_first else 3)

    assert await store.walk(wanted, 100, newest_first=newest_first) == expected
    assert await store.walk(wanted, 2, newest_first=newest_first) == expected[:2]


async def test_failures_between_two_places_come_without_tracebacks(state: State) -> None:
    parked = [failure("b", n, state=RETRYING if n % 2 else BLOCKING) for n in (5, 6, 7, 8)]
    store = await keep(state, *MANY, *parked)

    found = await store.between("b", 2, 8, 100)

    assert [(f.offset, f.traceback, f.error) for f in found] == [
        (n, "", MANY[0].error) for n in (3, 4, 5, 6, 7, 8)
    ]
    assert await store.between("b", 2, 8, 3) == found[:3]
    assert await store.between("b", 9, 8, 3) == []
    assert await store.between("nobody", 0, 99, 3) == []


# Many, in bounded steps


async def in_steps(step: object) -> tuple[int, list[int]]:
    """Take steps until the end: how many failures, and how many steps found how many."""
    assert callable(step)
    numbers, done = [], await step(None)
    numbers.append(done.number)
    while done.next is not None:
        done = await step(done.next)
        numbers.append(done.number)
    return sum(numbers), numbers


@pytest.mark.parametrize("listener", [None, "x"])
async def test_thousands_at_one_moment_are_requeued_in_bounded_steps(
    state: State, listener: str | None
) -> None:
    store = await keep(state, *(failure("x", n, attempts=9) for n in range(1, 2_501)))
    await keep(state, failure("y", 1, state=RETRYING, at_us=5))
    wanted = Selection(listener=listener, until_us=1_000_001)

    number, steps = await in_steps(lambda after: store.requeue(wanted, 2_000_000, 1_000, after))

    assert (number, max(steps)) == (2_500, 1_000)
    assert store.counts["x"] == Counts(2_500, 0, 1)
    due = await store.due("x", 2_000_000, 3)
    assert (due.rows, due.next_us) == ([Parked(1, 0), Parked(2, 0), Parked(3, 0)], None)
    assert (await state.failures_of(1))[0].error == failure().error


async def test_discarding_in_steps_takes_only_what_is_meant(state: State) -> None:
    store = await keep(state, *MANY)
    wanted = Selection(pattern="player.login")

    number, steps = await in_steps(lambda after: store.discard(wanted, 4, after))

    assert number == 6
    assert max(steps) <= 4
    assert {f.type for f in await state.failures_after(0)}.isdisjoint({"player.login"})
    assert {name: each.dead for name, each in store.counts.items()} == {"a": 3, "b": 3, "é": 3}


async def test_counting_in_steps_changes_nothing(state: State) -> None:
    store = await keep(state, *MANY)

    assert await in_steps(lambda after: store.count(Selection(), 4, after)) == (15, [4, 4, 4, 3])
    assert store.counts["a"].dead == 5


async def test_requeued_ones_are_as_if_they_had_not_been_tried(state: State) -> None:
    before = failure("x", 4, attempts=9)
    store = await keep(state, before)

    step = await store.requeue(Selection(), 7_000_000, 10, None)

    assert (step.number, step.next) == (1, None)
    assert await state.failures_of(4) == [
        replace(before, state=RETRYING, attempts=0, at_us=7_000_000)
    ]


async def test_a_clock_that_was_set_back_makes_nobody_wait_longer(state: State) -> None:
    tried = replace(failure("x", 1, state=RETRYING, at_us=900, attempts=2), last_us=600)
    early = replace(failure("x", 2, state=RETRYING, at_us=900, attempts=2), last_us=90)
    requeued = replace(failure("x", 3, state=RETRYING, at_us=700, attempts=0), last_us=20)
    dead = replace(failure("x", 4, at_us=800), last_us=800)
    store = await keep(state, tried, early, requeued, dead)
    assert store.latest_us == 800

    number, _ = await in_steps(lambda after: store.rewind(100, 1, after))

    assert number == 2
    assert {f.offset: (f.at_us, f.last_us) for f in await state.failures_after(0)} == {
        1: (400, 100),
        2: (900, 90),
        3: (100, 20),
        4: (800, 800),
    }
    assert store.latest_us == 100


# What is kept


TEXTS = {
    "nul": "a\x00b\x00",
    "controls": "".join(map(chr, range(32))) + "\x7f\x85\u2028",
    "scripts": "Ошибка 錯誤 🎮 e\u0301 \ufeff\uffff\U0010ffff",
    "quotes": "'\"`\\%s%(x)s:x?$1{}\\0",
    "spaces": "  x  \n",
    "empty": "",
    "huge": "é" * 2_000_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_texts_are_kept_as_they_are(state: State, text: str) -> None:
    whole = replace(failure("x", 4), error=text, traceback=text + "\n" + text)
    store = await keep(state, whole)
    assert await state.failures_of(4) == [whole]

    await store.settle([replace(whole, error=text + "x")], [])

    (page,) = (await store.find(Selection(), 1, None, newest_first=True)).failures
    assert page == replace(whole, error=text + "x")


async def test_many_large_tracebacks_are_kept_at_once(state: State) -> None:
    failures: Sequence[Failure] = [
        replace(failure("x", n), traceback=f"{n}" * 50_000) for n in range(1, 301)
    ]
    store = await keep(state, *failures)

    page = await store.find(Selection(), 1_000, None, newest_first=False)

    assert page.failures == list(failures)
