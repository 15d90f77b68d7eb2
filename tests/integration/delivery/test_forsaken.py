"""What a node that has died had in hand counts for whoever takes over, node after node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

from event_system.database.board import BOARD_FILE
from event_system.delivery import care, saving
from event_system.delivery.care import WARY_EVENTS
from event_system.delivery.ports import DEAD
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.ports import Transaction
from event_system.events.retry import Retry
from event_system.kernel.lanes import lane_of, subject_key
from tests.support.delivery import feed
from tests.support.journal import Journal, listener
from tests.support.memory_log import MemoryLog
from tests.support.rows import LANES, row
from tests.support.sharing import Crew
from tests.support.waiting import until

POISON = 3
TWICE = Retry(attempts=2, base=0.01, cap=0.01)
LONG_SECONDS = 3_600.0
TURNS = 100
"""Of the loop: far more than a handler takes to begin."""
ENDED = "the process ended while the handler ran"


class Deaths:
    """Handlers of nodes that die of an event: for whoever is left they have simply vanished."""

    def __init__(self) -> None:
        self.died: list[str] = []
        self.handled: list[int] = []

    def plain(self, node: str) -> Listener:
        async def handle(event: Event) -> None:
            await self._meet(node, event)

        return listener(handle, retry=TWICE)

    def batched(self, node: str) -> Listener:
        async def handle(events: Sequence[Event], transaction: Transaction) -> None:
            for event in events:
                await self._meet(node, event)

        return listener(handle, retry=TWICE, batch=5)

    async def _meet(self, node: str, event: Event) -> None:
        if event.offset == POISON:
            self.died.append(node)
            await asyncio.Event().wait()
        self.handled.append(event.offset)


@pytest.mark.parametrize("kind", ["plain", "batched"])
async def test_an_event_that_ends_node_after_node_is_dead_after_its_attempts(
    tmp_path: Path, kind: str
) -> None:
    deaths = Deaths()
    async with Crew(tmp_path, lambda n: [getattr(deaths, kind)(n)], names="abcd") as crew:
        feed(crew.log, 8, subjects=1)
        everything = crew.everything
        for node in "abc":
            forsaken: dict[str, Any] = {} if node == "a" else {"forsaken": everything}
            await crew[node].dispatcher.sharing.take(everything, **forsaken)
            await until(lambda node=node: deaths.died[-1:] == [node])  # type: ignore[misc]
            await crew[node].dispatcher.sharing.abandon()
        await crew["d"].dispatcher.sharing.take(everything, forsaken=everything)
        await until(lambda: set(deaths.handled) == {1, 2, 4, 5, 6, 7, 8})
        (place,) = crew["d"].dispatcher.failure_places("x")[-1:]
        (failure,) = await place.failures_of(POISON)
    assert (failure.state, failure.attempts, failure.error) == (DEAD, 2, ENDED)
    assert deaths.died == ["a", "b", "c"]  # nobody knew what ended the first


async def test_a_retry_that_ends_node_after_node_is_dead_after_its_attempts(tmp_path: Path) -> None:
    tries: list[str] = []

    def listeners(node: str) -> Sequence[Listener]:
        async def fail_then_die(event: Event) -> None:
            tries.append(node)
            if len(tries) == 1:
                raise ValueError("parks it")
            await asyncio.Event().wait()

        return [listener(fail_then_die, retry=Retry(attempts=3, base=0.01, cap=0.01))]

    async with Crew(tmp_path, listeners, names="abcd") as crew:
        feed(crew.log, 1)
        await crew["a"].dispatcher.sharing.take(crew.everything)
        for node, count in (("a", 2), ("b", 3), ("c", 4)):
            if node != "a":
                await crew[node].dispatcher.sharing.take(crew.everything, forsaken=crew.everything)
            await until(lambda count=count: len(tries) == count)  # type: ignore[misc]
            await crew[node].dispatcher.sharing.abandon()
        await crew["d"].dispatcher.sharing.take(crew.everything, forsaken=crew.everything)
        (failure,) = await crew["d"].store.failures_of(1)
    assert (failure.state, failure.attempts) == (DEAD, 3)
    assert tries == ["a", "a", "b", "c"]


async def test_a_handled_suspect_is_not_charged_with_the_deed_of_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SAVE_SECONDS", LONG_SECONDS)
    monkeypatch.setattr(care, "TURN_SECONDS", LONG_SECONDS)
    met: list[str] = []
    last: list[int] = []

    def listeners(node: str) -> Sequence[Listener]:
        async def handle(event: Event) -> None:
            met.append(node)
            if node == "c" and met.count("c") == LANES:
                last.append(event.offset)
            if node in "ab" or event.offset in last:
                await asyncio.Event().wait()

        return [listener(handle, retry=TWICE)]

    async with Crew(tmp_path, listeners, names="abcd") as crew:
        one_of_each_lane(crew.log)
        await crew["a"].dispatcher.sharing.take(crew.everything)
        for node, heir in pairwise("abcd"):
            await until(lambda node=node: met.count(node) == LANES)  # type: ignore[misc]
            await crew[node].dispatcher.sharing.abandon()
            await crew[heir].dispatcher.sharing.take(crew.everything, forsaken=crew.everything)
        found = [await crew["d"].store.failures_of(offset) for offset in range(1, LANES + 1)]
    assert [each.offset for each in chain(*found) if each.state == DEAD] == last


async def test_a_retried_suspect_is_settled_before_the_next_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def listeners(node: str) -> Sequence[Listener]:
        async def handle(event: Event) -> None:
            steps.append(node)
            if node == "a" and steps.count("a") <= LANES:
                raise ValueError("parks it")
            if node in "ab":
                await asyncio.Event().wait()

        return [listener(handle, retry=Retry(attempts=3, base=0.01, cap=0.01))]

    async with Crew(tmp_path, listeners, names="abc") as crew:
        one_of_each_lane(crew.log)
        await crew["a"].dispatcher.sharing.take(crew.everything)
        for node, heir, count in (("a", "b", 2 * LANES), ("b", "c", LANES)):
            await until(lambda n=node, many=count: steps.count(n) == many)  # type: ignore[misc]
            await crew[node].dispatcher.sharing.abandon()
            retries = crew[heir].store.retries
            monkeypatch.setattr(retries, "settle", noted(retries.settle, steps))
            await crew[heir].dispatcher.sharing.take(crew.everything, forsaken=crew.everything)
        await until(lambda: steps.count("settled") == LANES)
    assert [step for step in steps if step in {"c", "settled"}] == ["c", "settled"] * LANES


def one_of_each_lane(log: MemoryLog) -> None:
    subjects = {lane_of(subject_key(f"s{n}"), LANES): f"s{n}" for n in range(10 * LANES)}
    rows = [row(f"e{lane}", subject=subject) for lane, subject in subjects.items()]
    assert len(rows) == LANES
    log.submit(rows, lambda appended: None)


def noted(settle: Callable[..., Awaitable[None]], steps: list[str]) -> Callable[..., Any]:
    """The same, which notes when outcomes of retries are saved: late, so that others might go on."""

    async def settle_and_note(*outcomes: Any) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await settle(*outcomes)
        steps.append("settled")

    return settle_and_note


async def test_what_a_node_has_shown_counts_once_where_it_comes_back(tmp_path: Path) -> None:
    met: list[str] = []

    def listeners(node: str) -> Sequence[Listener]:
        async def handle(event: Event) -> None:
            met.append(node)
            await asyncio.Event().wait()

        return [listener(handle, retry=TWICE)]

    async with Crew(tmp_path, listeners, names="a") as crew:
        one_of_each_lane(crew.log)
        await crew["a"].dispatcher.sharing.take(crew.everything, forsaken=crew.everything)
        await until(lambda: len(met) == LANES)
        claimed = (tmp_path / "a" / BOARD_FILE).read_bytes()
        await crew["a"].dispatcher.sharing.abandon()
        (tmp_path / "a" / BOARD_FILE).write_bytes(claimed)
        back = await crew.back("a", left=crew.everything)
        found = [await back.store.failures_of(offset) for offset in range(1, LANES + 1)]
    assert [(each.attempts, each.error) for each in chain(*found)] == [(1, ENDED)] * LANES


async def test_only_the_first_events_are_handled_with_care(tmp_path: Path) -> None:
    journal = Journal()
    async with Crew(tmp_path, lambda n: [listener(journal.handler(n))]) as crew:
        feed(crew.log, WARY_EVENTS + 200, subjects=1)
        await crew["a"].dispatcher.sharing.take(crew.everything, forsaken=crew.everything)
        await until(lambda: len(journal.ended) == WARY_EVENTS + 200)
        shows = crew.boards["a"].shows
        await crew["a"].dispatcher.sharing.release(crew.everything, 1.0)
        await crew["b"].dispatcher.sharing.take(crew.everything)
        feed(crew.log, 10, subjects=1)
        await until(lambda: len(journal.ended) == WARY_EVENTS + 210)
    assert WARY_EVENTS <= shows < WARY_EVENTS + 200
    assert crew.boards["b"].shows == 0
