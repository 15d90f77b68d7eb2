"""One suite over every place where schedules are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from event_system.eventlog.backbone.log import StreamEventLog
from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sql.schedules import LOAD
from event_system.eventlog.sqlite.log import SqliteEventLog
from event_system.events.event import Row
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import ScheduleConflictError
from event_system.scheduling.delayed import answer_of
from event_system.scheduling.ports import KeptSchedule, ScheduleStore, Step
from event_system.scheduling.schedule import Schedule, Template
from tests.support.logs import LOGS, open_stored
from tests.support.memory_log import MemoryLog
from tests.support.memory_schedules import MemoryScheduleStore
from tests.support.rows import row
from tests.support.sql import SharedDatabases

DAILY = Schedule(cron="0 0 * * *", event=Template("tick"))
HOURLY = Schedule(cron="0 * * * *", event=Template("tick"))
NOW = SystemClock().now_us()


class Place:
    """A store, and what somebody else would find there."""

    def __init__(
        self, store: ScheduleStore, look: Callable[[], Awaitable[list[KeptSchedule]]]
    ) -> None:
        self.store = store
        self.look = look

    async def put(self, schedule: KeptSchedule, before: int | None = None) -> None:
        await answer_of(partial(self.store.put, schedule, before))

    async def delete(self, name: str, before: int = 1) -> None:
        await answer_of(partial(self.store.delete, name, before))

    async def get(self, name: str) -> KeptSchedule | None:
        return await answer_of(partial(self.store.get, name))

    async def advance(self, *steps: Step) -> list[list[int] | None]:
        moved: list[Sequence[int] | None] = await answer_of(partial(self.store.advance, steps))
        return [None if each is None else list(each) for each in moved]


@pytest.fixture(params=LOGS)
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases
) -> AsyncIterator[Place]:
    if request.param == "memory":
        memory = MemoryScheduleStore(MemoryLog())

        async def look() -> list[KeptSchedule]:
            return [memory.stored[name] for name in sorted(memory.stored)]

        yield Place(memory, look)
        return
    async with open_stored(request.param, tmp_path, databases) as log:
        yield Place(log.schedules, partial(stored, log))


async def stored(log: SqliteEventLog | SqlEventLog | StreamEventLog) -> list[KeptSchedule]:
    if isinstance(log, SqliteEventLog):
        return type(log.schedules)(log._events, log._writer.submit).kept
    async with log.reader.connection() as connection:
        rows = (await connection.execute(LOAD)).all()
    return type(log.schedules)(rows, log._writer.submit).kept


def kept(name: str, next_us: int | None = 10, definition: Schedule = DAILY) -> KeptSchedule:
    return KeptSchedule(name=name, revision=1, definition=definition, next_us=next_us)


def rows(*ids: str) -> list[Row]:
    return [row(id_, received_us=NOW) for id_ in ids]


def moved(before: KeptSchedule, next_us: int, fired: int) -> KeptSchedule:
    return replace(before, next_us=next_us, last_us=before.next_us, fired_us=NOW, fired=fired)


async def test_a_schedule_is_kept_under_its_name(place: Place) -> None:
    await place.put(kept("b"))
    await place.put(kept("a", None))

    assert await place.look() == [kept("a", None), kept("b")]


async def test_events_and_the_next_moment_are_stored_together(place: Place) -> None:
    before = kept("a")
    await place.put(before)
    after = moved(before, 20, 2)

    assert await place.advance(Step(before, rows("e1", "e2"), after)) == [[1, 2]]
    assert await place.look() == [replace(after, last_offset=2)]


async def test_a_moment_that_was_fired_is_not_fired_again(place: Place) -> None:
    before = kept("a")
    await place.put(before)
    step = Step(before, rows("e1"), moved(before, 20, 1))
    await place.advance(step)

    assert await place.advance(step) == [None]
    assert [each.fired for each in await place.look()] == [1]


async def test_a_schedule_that_was_changed_meanwhile_does_not_fire(place: Place) -> None:
    before = kept("a")
    await place.put(before)
    changed = replace(before, revision=2, definition=HOURLY)
    await place.put(changed, 1)

    assert await place.advance(Step(before, rows("e1"), moved(before, 20, 1))) == [None]
    assert await place.look() == [changed]


async def test_a_deleted_schedule_does_not_fire(place: Place) -> None:
    before = kept("a")
    await place.put(before)
    await place.delete("a")

    assert await place.advance(Step(before, rows("e1"), moved(before, 20, 1))) == [None]
    assert await place.look() == []


async def test_a_change_keeps_what_was_fired(place: Place) -> None:
    before = kept("a")
    await place.put(before)
    await place.advance(Step(before, rows("e1"), moved(before, 20, 1)))
    await place.put(KeptSchedule(name="a", revision=2, definition=HOURLY, next_us=15), 1)

    (found,) = await place.look()

    assert (found.fired, found.last_offset, found.last_us) == (1, 1, 10)
    assert (found.definition, found.next_us, found.revision) == (HOURLY, 15, 2)


async def test_a_schedule_is_found_as_it_is_stored_now(place: Place) -> None:
    before = kept("a")
    await place.put(before)
    await place.advance(Step(before, rows("e1"), moved(before, 20, 1)))

    assert await place.get("a") == replace(moved(before, 20, 1), last_offset=1)
    assert await place.get("b") is None


async def test_what_was_changed_meanwhile_is_not_changed_nor_deleted(place: Place) -> None:
    await place.put(kept("a"))
    changed = replace(kept("a"), revision=7, definition=HOURLY)
    await place.put(changed, 1)

    for before in (1, None, 8):
        with pytest.raises(ScheduleConflictError, match="changed"):
            await place.put(replace(kept("a"), revision=9), before)
    with pytest.raises(ScheduleConflictError):
        await place.delete("a")

    assert await place.look() == [changed]


async def test_what_was_deleted_meanwhile_stays_so(place: Place) -> None:
    await place.put(kept("a"))
    await place.delete("a")

    with pytest.raises(ScheduleConflictError, match="deleted"):
        await place.put(replace(kept("a"), revision=2), 1)
    with pytest.raises(ScheduleConflictError):
        await place.delete("a")

    assert await place.look() == []


async def test_a_schedule_that_is_put_unchanged_is_only_compared(place: Place) -> None:
    before = kept("a")
    await place.put(before)
    await place.advance(Step(before, rows("e1"), moved(before, 20, 1)))

    await place.put(before, 1)

    assert [each.next_us for each in await place.look()] == [20]


async def test_a_firing_that_is_in_the_log_already_is_not_stored_again(place: Place) -> None:
    before, other = kept("a"), kept("b")
    for each in (before, other):
        await place.put(each)
    await place.advance(Step(before, rows("e1"), moved(before, 20, 1)))

    assert await place.advance(Step(other, rows("e1"), moved(other, 20, 1))) == [[-1]]
    assert [each.last_offset for each in await place.look()] == [1, 1]
