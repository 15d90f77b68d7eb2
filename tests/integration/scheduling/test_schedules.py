"""Schedules through the whole core, with a clock that the test sets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from event_system import Event, listener
from event_system.events.listener import listeners_of
from event_system.kernel.clock import rfc3339, to_us
from event_system.kernel.errors import (
    InvalidScheduleError,
    ScheduleNotFoundError,
    TooManySchedulesError,
)
from event_system.node.core import Core
from event_system.scheduling import schedules
from event_system.scheduling.schedule import Schedule, Template
from tests.integration.scheduling.test_delayed import running, stored
from tests.support.clock import HOUR_US, SECOND_US, HandClock
from tests.support.waiting import until

NOON = to_us(datetime(2026, 11, 21, 12, tzinfo=UTC))
MINUTE_US = 60 * SECOND_US


def minutely(**members: Any) -> Schedule:
    return Schedule(cron="* * * * *", event=Template("tick"), **{"catch_up": "all", **members})


def ids(*minutes: int) -> list[str]:
    return [f"schedule:tax:{rfc3339(NOON + minute * MINUTE_US)}" for minute in minutes]


async def test_a_schedule_fires_at_each_of_its_moments(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", minutely())
        for minute in (1, 2, 3):
            clock.us = NOON + minute * MINUTE_US + 5
            await until(lambda head=minute: core.log.head == head)  # type: ignore[misc]

        assert await stored(core) == ids(1, 2, 3)
        event = (await core.log.read(0, 1)).events[0]
        assert (event.type, event.source, event.time_us) == ("tick", "schedule", NOON + MINUTE_US)
        assert event.received_us == NOON + MINUTE_US + 5
        kept = core.schedules.get("tax")
        assert (kept.fired, kept.last_us, kept.last_offset) == (3, NOON + 3 * MINUTE_US, 3)
        assert kept.next_us == NOON + 4 * MINUTE_US


@pytest.mark.parametrize(
    ("catch_up", "minutes"), [("all", [1, 2, 3, 4, 5]), ("one", [5]), ("skip", [])]
)
async def test_what_was_missed_while_the_node_was_down_is_made_up_for(
    tmp_path: Path, catch_up: str, minutes: list[int]
) -> None:
    clock = HandClock(NOON)
    hourly = Schedule(cron="*/5 * * * *", event=Template("tick"), catch_up=catch_up)  # type: ignore[arg-type]
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", hourly)
    clock.us = NOON + 27 * MINUTE_US
    async with running(tmp_path, clock) as core:
        await until(lambda: core.schedules.get("tax").next_us == NOON + 30 * MINUTE_US)

        assert await stored(core) == ids(*(5 * minute for minute in minutes))


async def test_a_restart_between_two_moments_changes_nothing(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    for minute in range(4):
        async with running(tmp_path, clock) as core:
            await core.schedules.put("tax", minutely())
            clock.us = NOON + minute * MINUTE_US + 30 * SECOND_US
            await until(lambda head=minute: core.log.head == head)  # type: ignore[misc]

            assert await stored(core) == ids(*range(1, minute + 1))


async def test_a_clock_set_back_fires_no_moment_twice(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", minutely())
        await core.schedules.put(
            "witness", minutely(start=datetime(2026, 11, 21, 12, 3, tzinfo=UTC))
        )
        clock.us = NOON + 2 * MINUTE_US
        await until(lambda: core.log.head == 2)
        clock.us -= HOUR_US
        clock.us += HOUR_US + MINUTE_US
        await until(lambda: core.log.head == 4)

        found = await stored(core)
        assert [id_ for id_ in found if "tax" in id_] == ids(1, 2, 3)


async def test_a_log_from_a_backup_is_not_fired_into_twice(tmp_path: Path) -> None:
    """The schedule goes back, the log (as seen by its window of ids) does not."""
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", minutely())
        clock.us += MINUTE_US
        await until(lambda: core.log.head == 1)
        await core.schedules.delete("tax")
        clock.us -= MINUTE_US
        await core.schedules.put("tax", minutely())
        clock.us += 2 * MINUTE_US
        await until(lambda: core.schedules.get("tax").next_us == NOON + 3 * MINUTE_US)

        assert await stored(core) == ids(1, 2)


async def test_the_same_definition_again_changes_nothing(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        first = await core.schedules.put("tax", minutely())
        clock.us += 30 * SECOND_US

        assert await core.schedules.put("tax", minutely()) is first


async def test_a_changed_schedule_fires_from_now_on(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", minutely())
        await core.schedules.put("tax", Schedule(cron="30 * * * *", event=Template("tock")))
        clock.us = NOON + 30 * MINUTE_US
        await until(lambda: core.log.head == 1)

        assert await stored(core) == ids(30)


async def test_a_schedule_that_is_off_does_not_fire_until_it_is_on(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", minutely(enabled=False))
        assert core.schedules.next_us is None

        clock.us += 10 * MINUTE_US
        await core.schedules.put("tax", minutely())
        clock.us += MINUTE_US
        await until(lambda: core.log.head == 1)

        assert await stored(core) == ids(11)


async def test_a_deleted_schedule_is_gone(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", minutely())
        await core.schedules.delete("tax")

        assert core.schedules.next_us is None
        with pytest.raises(ScheduleNotFoundError):
            core.schedules.get("tax")
    async with running(tmp_path, clock) as core:
        assert core.schedules.all() == []


async def test_running_it_now_leaves_its_moments_as_they_are(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        before = await core.schedules.put("tax", minutely())

        receipts = [await core.schedules.run("tax") for _ in range(2)]

        assert [receipt.offset for _, receipt in receipts] == [1, 2]
        assert all(id_.startswith("schedule:tax:run:") for id_ in await stored(core))
        assert core.schedules.get("tax") == before


async def test_listeners_see_a_firing(tmp_path: Path) -> None:
    seen: list[str] = []

    @listener("tick", name="sync", mode="sync")
    async def sync(event: Event) -> None:
        seen.append(event.id)

    clock = HandClock(NOON)
    async with running(tmp_path, clock, *listeners_of(sync)) as core:
        await core.schedules.put("tax", minutely())
        clock.us += MINUTE_US
        await until(lambda: bool(seen))

        assert seen == ids(1)


async def test_many_firings_at_once_are_fired_in_parts(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        for n in range(3):
            await core.schedules.put(f"s{n}", minutely())
        clock.us += 700 * MINUTE_US
        await until(lambda: core.log.head == 2100)
        await asyncio.sleep(0)

        assert [each.fired for each in core.schedules.all()] == [700] * 3


async def test_the_event_of_a_schedule_is_checked_when_it_is_given(tmp_path: Path) -> None:
    async with running(tmp_path, HandClock(NOON)) as core:
        with pytest.raises(InvalidScheduleError) as error:
            await core.schedules.put("tax", Schedule(cron="* * * * *", event=Template("a b")))

        assert error.value.where == "$.event.type"
        assert core.schedules.all() == []


async def test_the_number_of_schedules_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "MAX_SCHEDULES", 1)
    async with running(tmp_path, HandClock(NOON)) as core:
        await core.schedules.put("one", minutely())
        await core.schedules.put("one", minutely(enabled=False))
        with pytest.raises(TooManySchedulesError):
            await core.schedules.put("two", minutely())


async def test_a_change_while_it_fires_wins(tmp_path: Path) -> None:
    clock = HandClock(NOON)
    async with running(tmp_path, clock) as core:
        await core.schedules.put("tax", minutely())
        clock.us += MINUTE_US
        changes = [core.schedules.put("tax", minutely(jitter_seconds=n)) for n in range(20)]
        await asyncio.gather(*changes)
        clock.us += MINUTE_US + 30 * SECOND_US
        await until(lambda: _settled(core, NOON + 3 * MINUTE_US))

        assert [id_ for id_ in await stored(core) if id_ == ids(2)[0]] == ids(2)


def _settled(core: Core, next_us: int) -> bool:
    return core.schedules.get("tax").next_us == next_us
