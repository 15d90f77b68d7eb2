"""Who was on call by schedules that have changed since."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from event_system.kernel.errors import StorageError
from event_system.kernel.spans import Span
from event_system.oncall.overrides import DAY_US, KEPT_US
from event_system.oncall.past import AHEAD_US, KIND, Past
from event_system.oncall.plan import Plan
from event_system.oncall.schedules import Schedule
from tests.support.memory_records import MemoryRecords
from tests.support.on_call import PLAN, SHANGHAI, WEEKLY, moment

# `WEEKLY` changes hands on Mondays at 09:00 in Shanghai; li has the week of 5 January 2026.
START = moment("2026-11-02T09:00+08:00")
DAY = DAY_US


def plan(*people: str, name: str = "primary") -> Plan:
    """Who takes turns by the week; without people there is no schedule."""
    layer = replace(WEEKLY, turns=tuple((each,) for each in people))
    return replace(PLAN, schedules={name: Schedule(name, SHANGHAI, (layer,))} if people else {})


def days(past: Past, present: Plan, since_us: int, until_us: int) -> dict[str, float]:
    """How many days each person was on call."""
    found: Counter[str] = Counter()
    within = Span(since_us, until_us)
    for schedule in past.schedules(present.schedules):
        for shift in schedule.shifts(within):
            for person in shift.people:
                found[person] += shift.span.length_us
    return {person: us / DAY for person, us in found.items()}


async def loaded(records: MemoryRecords) -> Past:
    past = Past(records)
    await past.load()
    return past


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


async def test_a_change_of_the_schedule_leaves_what_was(records: MemoryRecords) -> None:
    past = await loaded(records)
    await past.record(plan("li"), START)
    await past.record(plan("anna"), START + 10 * DAY)

    for each in (past, await loaded(records)):
        assert days(each, plan("anna"), START, START + 15 * DAY) == {"li": 10, "anna": 5}


async def test_what_changed_while_the_node_was_down_counts_from_its_return_on(
    records: MemoryRecords,
) -> None:
    await (await loaded(records)).record(plan("li"), START)
    past = await loaded(records)
    await past.record(plan("anna"), START + 10 * DAY)

    assert days(past, plan("anna"), START, START + 15 * DAY) == {"li": 10, "anna": 5}


async def test_what_nobody_recorded_as_the_node_was_down_for_too_long_is_as_it_is_now(
    records: MemoryRecords,
) -> None:
    past = await loaded(records)
    await past.record(plan("li"), START)
    back_us = START + AHEAD_US + 10 * DAY
    await past.record(plan("anna"), back_us)

    assert days(past, plan("anna"), START, back_us) == {"li": AHEAD_US / DAY, "anna": 10}


async def test_what_was_before_anything_was_recorded_is_as_it_is_now(
    records: MemoryRecords,
) -> None:
    past = await loaded(records)
    await past.record(plan("li"), START)
    await past.record(plan("anna"), START + 10 * DAY)

    assert days(past, plan("anna"), START - 7 * DAY, START + DAY) == {"anna": 7, "li": 1}
    assert days(await loaded(MemoryRecords()), plan("li"), START, START + DAY) == {"li": 1}


async def test_a_schedule_that_is_gone_counts_for_its_time_and_a_new_one_from_its_first_day_on(
    records: MemoryRecords,
) -> None:
    past = await loaded(records)
    await past.record(plan("li"), START)
    await past.record(plan("anna", name="second"), START + 10 * DAY)
    await past.record(plan(), START + 12 * DAY)

    assert days(past, plan(), START, START + 15 * DAY) == {"li": 10, "anna": 2}


async def test_turns_go_on_over_records(records: MemoryRecords) -> None:
    past = await loaded(records)
    for day in range(30):
        await past.record(plan("li", "wang"), START + day * DAY)
    [schedule] = past.schedules(plan("li", "wang").schedules)

    shifts = schedule.shifts(Span(START, START + 28 * DAY))

    assert [shift.people for shift in shifts] == [("wang",), ("li",)] * 2
    assert {shift.span.length_us for shift in shifts} == {7 * DAY}


async def test_what_was_is_as_it_was_and_what_comes_is_as_it_is_now(records: MemoryRecords) -> None:
    past = await loaded(records)
    await past.record(plan("li"), START)
    await past.record(plan("anna"), START + 10 * DAY)
    await past.record(plan("anna"), START + 12 * DAY)

    def shifts(present: Plan) -> list[tuple[str, float, float]]:
        found = past.until_now(present.schedules["primary"]).shifts(
            Span(START - 7 * DAY, START + 100 * DAY)
        )
        return [
            (shift.people[0], (shift.start_us - START) / DAY, (shift.end_us - START) / DAY)
            for shift in found
        ]

    assert shifts(plan("anna")) == [("anna", -7, 0), ("li", 0, 10), ("anna", 10, 100)]
    # a change that is not recorded yet counts all the same
    assert shifts(plan("wang")) == [
        *[("wang", -7, 0), ("li", 0, 10), ("anna", 10, 12), ("wang", 12, 100)]
    ]


async def test_a_schedule_that_was_never_recorded_is_as_it_is_now(records: MemoryRecords) -> None:
    [present] = plan("li").schedules.values()

    assert (await loaded(records)).until_now(present) is present


async def test_what_is_long_over_is_forgotten(records: MemoryRecords) -> None:
    past = await loaded(records)
    await past.record(plan("li"), START)
    await past.record(plan(), START + 10 * DAY)
    assert list(await records.load(KIND)) == ["primary"]

    await past.record(plan(), START + 10 * DAY + KEPT_US)

    assert await records.load(KIND) == {}
    assert past.schedules({}) == []


async def test_nothing_is_written_without_schedules_and_nothing_taken_that_was_not_stored(
    records: MemoryRecords,
) -> None:
    past = await loaded(records)
    await past.record(plan(), START)
    assert await records.load(KIND) == {}
    await past.record(plan("li"), START)
    records.failure = StorageError("full")
    with pytest.raises(StorageError):
        await past.record(plan("anna"), START + DAY)

    assert days(past, plan("anna"), START, START + 2 * DAY) == {"li": 2}
