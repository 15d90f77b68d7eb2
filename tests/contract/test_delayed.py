"""One suite over every place where events wait for their time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import InvalidQueryError, ScheduledEventNotFoundError
from event_system.scheduling.delayed import answer_of
from event_system.scheduling.ports import (
    DelayedStore,
    Done,
    Fired,
    Held,
    Standing,
    Waiting,
    WaitingFilter,
)
from tests.support.logs import LOGS, open_stored
from tests.support.memory_delayed import MemoryDelayedStore
from tests.support.memory_log import MemoryLog
from tests.support.rows import row
from tests.support.sql import SharedDatabases

Store = DelayedStore
ALL = WaitingFilter()
NOW = SystemClock().now_us()


@pytest.fixture(params=LOGS)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases
) -> AsyncIterator[DelayedStore]:
    if request.param == "memory":
        yield MemoryDelayedStore(MemoryLog())
        return
    async with open_stored(request.param, tmp_path, databases) as log:
        yield log.delayed


def held(id_: str, due_us: int, **members: Any) -> Held:
    return Held(row(id_, received_us=NOW, **members), due_us)


async def accept(store: Store, *events: Held) -> list[Standing]:
    return await answer_of(partial(store.accept, events))


async def fire(store: Store, now_us: int) -> Fired:
    return await answer_of(partial(store.fire, now_us, NOW + now_us))


async def waiting(store: Store, query: WaitingFilter = ALL) -> list[str]:
    page = await store.find(query, limit=100, after=None)
    return [each.event.id for each in page.events]


async def cancel(store: Store, id_: str, source: str | None = None) -> Waiting:
    ask: Callable[[Done[Waiting]], None] = partial(store.cancel, id_, source)
    return await answer_of(ask)


async def test_events_for_now_and_for_later_are_accepted_together(store: Store) -> None:
    standings = await accept(store, held("a", 0), held("b", 10), held("c", 0), held("d", 5))

    assert standings == [Standing(1), Standing(0, 10), Standing(2), Standing(0, 5)]
    assert await waiting(store) == ["d", "b"]


async def test_what_is_due_moves_into_the_log_the_earliest_first(store: Store) -> None:
    await accept(store, held("a", 30), held("b", 20), held("c", 20), held("d", 40))

    fired = await fire(store, 30)

    assert [(e.row[7], e.offset, e.due_us) for e in fired.events] == [
        *(("b", 1, 20), ("c", 2, 20), ("a", 3, 30))
    ]
    assert {e.row[10] for e in fired.events} == {NOW + 30}
    assert fired.next_us == 40
    assert await waiting(store) == ["d"]


async def test_nothing_is_fired_twice(store: Store) -> None:
    await accept(store, held("a", 1))
    await fire(store, 5)

    assert await fire(store, 5) == Fired([], None)


async def test_the_same_event_waits_once(store: Store) -> None:
    await accept(store, held("a", 10))

    assert await accept(store, held("a", 99), held("a", 50, source="other")) == [
        Standing(0, 10, duplicate=True),
        Standing(0, 50),
    ]


async def test_an_event_that_waits_is_found_by_its_id_and_source(store: Store) -> None:
    await accept(store, held("a", 10), held("a", 50, source="other"))

    found = await store.get("a", "other")
    assert found is not None
    assert (found.due_us, found.event.source, found.event.offset) == (50, "other", 0)
    assert await store.get("b", "other") is None


async def test_the_same_event_twice_in_a_batch_waits_once(store: Store) -> None:
    assert await accept(store, held("a", 10), held("a", 20)) == [
        Standing(0, 10),
        Standing(0, 10, duplicate=True),
    ]


async def test_an_event_that_is_in_the_log_does_not_wait(store: Store) -> None:
    await accept(store, held("x", 0), held("a", 0))

    assert await accept(store, held("a", 10)) == [Standing(2, duplicate=True)]
    assert await accept(store, held("b", 10), held("b", 0)) == [
        Standing(3, duplicate=True),
        Standing(3),
    ]
    assert await waiting(store) == []


async def test_an_event_that_was_fired_does_not_wait_again(store: Store) -> None:
    await accept(store, held("a", 10))
    await fire(store, 10)

    assert await accept(store, held("a", 20)) == [Standing(1, duplicate=True)]


async def test_an_event_that_its_twin_overtook_is_not_stored_again(store: Store) -> None:
    await accept(store, held("a", 10))
    await accept(store, held("a", 0))

    fired = await fire(store, 10)

    assert [each.offset for each in fired.events] == [-1]
    assert await waiting(store) == []


async def test_a_slice_is_bounded_and_the_next_one_is_told(store: Store) -> None:
    await accept(store, *(held(f"e{n}", n) for n in range(1, 701)))

    first, second = await fire(store, 1000), await fire(store, 1000)

    assert len(first.events) == 512
    assert first.next_us == 513
    assert [each.offset for each in first.events + second.events] == list(range(1, 701))
    assert second.next_us is None


async def test_a_cancelled_event_is_never_fired(store: Store) -> None:
    await accept(store, held("a", 10, subject="s"), held("b", 10))

    cancelled = await cancel(store, "a")

    assert (cancelled.event.id, cancelled.event.subject, cancelled.due_us) == ("a", "s", 10)
    assert [each.row[7] for each in (await fire(store, 10)).events] == ["b"]


async def test_what_does_not_wait_cannot_be_cancelled(store: Store) -> None:
    await accept(store, held("a", 10))

    with pytest.raises(ScheduledEventNotFoundError):
        await cancel(store, "b")
    with pytest.raises(ScheduledEventNotFoundError):
        await cancel(store, "a", "another source")


async def test_an_id_of_two_sources_is_cancelled_only_by_its_source(store: Store) -> None:
    await accept(store, held("a", 10), held("a", 20, source="other"))

    with pytest.raises(InvalidQueryError) as error:
        await cancel(store, "a")
    cancelled = await cancel(store, "a", "other")

    assert error.value.where == "source"
    assert cancelled.due_us == 20
    assert await waiting(store) == ["a"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (WaitingFilter(pattern="player.*"), ["c", "a"]),
        (WaitingFilter(source="other"), ["b"]),
        (WaitingFilter(subject="s"), ["a"]),
        (WaitingFilter(since_us=20), ["b", "a"]),
        (WaitingFilter(until_us=20), ["c"]),
        (WaitingFilter(pattern="player.login", since_us=11, until_us=31), ["a"]),
    ],
)
async def test_waiting_events_are_found_by(
    store: Store, query: WaitingFilter, ids: list[str]
) -> None:
    await accept(
        store,
        held("a", 30, subject="s"),
        held("b", 20, source="other", type_="guild.war.end"),
        held("c", 10, type_="player.logout"),
    )

    assert await waiting(store, query) == ids


async def test_pages_follow_each_other(store: Store) -> None:
    await accept(store, *(held(f"e{n}", 10 + n % 3) for n in range(10)))
    found, after = [], None
    while True:
        page = await store.find(ALL, limit=3, after=after)
        found += [(each.due_us, each.number) for each in page.events]
        if (after := page.next) is None:
            break

    assert len(found) == 10
    assert all(earlier < later for earlier, later in pairwise(found))
