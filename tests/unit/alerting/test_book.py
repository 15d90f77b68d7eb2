"""What is stored together, and when a call may say that its own part is."""

from __future__ import annotations

import asyncio

import pytest

from event_system.alerting.book import Book
from event_system.alerting.groups import Timer
from event_system.alerting.ports import Changes
from event_system.kernel.errors import StorageError
from tests.support.alerting_world import Memory
from tests.support.waiting import PATIENCE_SECONDS


class Counting(Memory):
    """Notes the timers of each save; the saves in `failing` fail."""

    def __init__(self, *failing: int) -> None:
        super().__init__()
        self.saves: list[list[str]] = []
        self.failing = failing

    async def save(self, changes: Changes) -> None:
        self.saves.append(list(changes.timers))
        await asyncio.sleep(0)
        if len(self.saves) in self.failing:
            raise StorageError("the disk is full")
        await super().save(changes)


async def _told(book: Book, name: str) -> None:
    """As a group is told: its entry is stored, its timer may wait."""
    book.waiting.timers[name] = Timer(0, True)
    await book.write()
    book.waiting.timers[f"{name} next"] = Timer(1, True)


async def test_what_comes_while_something_is_stored_is_stored_together() -> None:
    store = Counting()
    book = Book(store)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(_told(book, f"g{number}") for number in range(10)))

    assert [len(names) for names in store.saves] == [1, 10]
    assert list(book.waiting.timers) == [f"g{number} next" for number in range(1, 10)]


async def test_a_call_whose_part_was_not_stored_by_another_stores_it_itself() -> None:
    store = Counting(1, 2)
    book = Book(store)
    async with asyncio.timeout(PATIENCE_SECONDS):
        done = await asyncio.gather(
            *(_told(book, f"g{number}") for number in range(4)), return_exceptions=True
        )

    assert [isinstance(each, StorageError) for each in done] == [True, True, False, False]
    assert {"g0", "g1", "g2", "g3"} <= set(store.all.timers)
    assert book.is_stored


async def test_what_is_cut_off_while_it_is_stored_waits_on() -> None:
    store = Counting()
    store.go_on = asyncio.Event()
    book = Book(store)
    book.waiting.timers["x"] = Timer(0, True)
    cut = asyncio.create_task(book.write())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await store.asked.wait()
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    store.go_on.set()
    await book.write()

    assert list(store.all.timers) == ["x"]
    assert book.is_stored
