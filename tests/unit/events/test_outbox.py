"""Owed events: each once, in order, whatever ends in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from event_system.events import outbox as room
from event_system.events.outbox import ANNOUNCEMENTS, Announcement, Outbox
from event_system.kernel.errors import BacklogFullError, StorageError
from tests.support.memory_records import MemoryRecords

PATIENCE_SECONDS = 30


class Log:
    """Remembers ids; one that it knows is a duplicate. Fails with `faults` first.

    Where `loses_answer`, it takes them and fails.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.calls: list[list[str]] = []
        self.faults: list[Exception] = []
        self.loses_answer = False
        self.hangs: asyncio.Event | None = None

    async def tell(self, announcements: Sequence[Announcement]) -> None:
        self.calls.append([each.id for each in announcements])
        if self.hangs is not None:
            await self.hangs.wait()
        if self.faults and not self.loses_answer:
            raise self.faults.pop(0)
        self.ids.extend(each.id for each in announcements if each.id not in self.ids)
        if self.faults:
            raise self.faults.pop(0)


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FIRST_REST_SECONDS", 0)


def owing(*ids: str) -> list[Announcement]:
    return [Announcement(id=id_, type="t", subject="s", time_us=1, data={"n": 1}) for id_ in ids]


async def drained(outbox: Outbox) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await outbox.drain()


async def test_what_is_saved_is_told_and_forgotten() -> None:
    records, log = MemoryRecords(), Log()
    outbox = Outbox(records, log.tell)
    await outbox.start()
    await outbox.save({"state": {"x": b"1"}}, owing("a", "b"))
    await outbox.save({"state": {"x": b"2"}})
    await outbox.save({}, owing("c"))
    await drained(outbox)
    await outbox.stop()

    assert log.ids == ["a", "b", "c"]
    assert records.rows == {"state": {"x": b"2"}, ANNOUNCEMENTS: {}}


async def test_what_could_not_be_saved_is_not_told() -> None:
    records, log = MemoryRecords(), Log()
    outbox = Outbox(records, log.tell)
    await outbox.start()
    records.failure = StorageError("the disk is full")
    with pytest.raises(StorageError):
        await outbox.save({"state": {"x": b"1"}}, owing("a"))
    records.failure = None
    await outbox.save({"state": {"x": b"1"}}, owing("b"))
    await drained(outbox)
    await outbox.stop()

    assert log.ids == ["b"]


async def test_what_was_owed_at_the_end_is_told_after_the_next_start_in_its_order() -> None:
    records, log = MemoryRecords(), Log()
    log.hangs = asyncio.Event()
    first = Outbox(records, log.tell)
    await first.start()
    ids = [str(n) for n in range(30)]
    for id_ in ids:
        await first.save({}, owing(id_))
    await first.stop()
    assert log.ids == []
    log.hangs = None

    second = Outbox(records, log.tell)
    await second.start()
    await second.save({}, owing("new"))
    await drained(second)
    await second.stop()

    assert log.ids == [*ids, "new"]
    assert records.rows[ANNOUNCEMENTS] == {}


async def test_a_log_that_fails_is_told_again_in_the_same_order() -> None:
    records, log = MemoryRecords(), Log()
    log.faults = [BacklogFullError("full"), StorageError("away"), ValueError("odd")]
    outbox = Outbox(records, log.tell)
    await outbox.start()
    await outbox.save({}, owing("a", "b"))
    await drained(outbox)
    await outbox.stop()

    assert log.ids == ["a", "b"]
    assert log.calls == [["a", "b"]] * 4


async def test_what_the_log_has_taken_without_an_answer_is_there_once() -> None:
    records, log = MemoryRecords(), Log()
    log.loses_answer, log.faults = True, [StorageError("no answer")]
    outbox = Outbox(records, log.tell)
    await outbox.start()
    await outbox.save({}, owing("a"))
    await drained(outbox)
    await outbox.stop()

    assert log.calls == [["a"], ["a"]]
    assert log.ids == ["a"]


async def test_what_could_not_be_forgotten_is_not_told_again_by_the_same_process() -> None:
    records, log = MemoryRecords(), Log()
    log.hangs = asyncio.Event()
    outbox = Outbox(records, log.tell)
    await outbox.start()
    await outbox.save({}, owing("a"))
    records.failure = StorageError("the disk is full")
    log.hangs.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while outbox.owed:
            await asyncio.sleep(0)
    records.failure = None
    await drained(outbox)
    await outbox.stop()

    assert log.calls == [["a"]]
    assert records.rows[ANNOUNCEMENTS] == {}


async def test_many_are_told_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_AT_ONCE", 10)
    records, log = MemoryRecords(), Log()
    outbox = Outbox(records, log.tell)
    ids = [str(n) for n in range(25)]
    await outbox.start()
    await outbox.save({}, owing(*ids))
    await drained(outbox)
    await outbox.stop()

    assert log.calls == [ids[:10], ids[10:20], ids[20:]]


async def test_more_than_may_be_owed_is_left_out_and_the_change_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "MAX_OWED", 2)
    records, log = MemoryRecords(), Log()
    log.hangs = asyncio.Event()
    outbox = Outbox(records, log.tell)
    await outbox.start()
    await outbox.save({"state": {"x": b"1"}}, owing("a", "b", "c"))
    await outbox.save({"state": {"x": b"2"}}, owing("d"))
    assert outbox.owed == 2
    log.hangs.set()
    await drained(outbox)
    await outbox.stop()

    assert log.ids == ["a", "b"]
    assert records.rows["state"] == {"x": b"2"}
