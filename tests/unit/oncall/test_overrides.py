from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from event_system.kernel.errors import (
    InvalidOverrideError,
    OnCallNotFoundError,
    OverrideLimitError,
    OverrideNotFoundError,
    OverridePastError,
)
from event_system.kernel.spans import Span
from event_system.oncall import overrides as module
from event_system.oncall.overrides import DAY_US, KEPT_US, LONGEST_US, Override, Overrides
from event_system.oncall.past import Past
from event_system.oncall.people import Person
from event_system.oncall.plan import Plan
from event_system.oncall.roster import OnCall, override_of
from event_system.oncall.schedules import Schedule
from tests.support.clock import HOUR_US, HandClock
from tests.support.memory_records import MemoryRecords

UTC = ZoneInfo("UTC")
PLAN = Plan(
    people={name: Person(name, name.title(), UTC) for name in ("li", "wang")},
    schedules={"primary": Schedule("primary", UTC, ())},
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def on_call(clock: HandClock, records: MemoryRecords, numbers: Iterator[int]) -> OnCall:
    overrides = Overrides(records, lambda: f"o{next(numbers)}")
    return OnCall(PLAN, overrides, Past(records), clock)


def wanted(clock: HandClock, start: int, end: int, person: str = "li") -> Override:
    """Hours from now."""
    span = Span(clock.us + start * HOUR_US, clock.us + end * HOUR_US)
    return override_of("primary", person, span, "chen", "dentist")


async def test_who_stands_in_is_on_call(on_call: OnCall, clock: HandClock) -> None:
    (made,) = await on_call.stand_in([wanted(clock, 1, 3)])

    assert made.id == "o1"
    assert made.created_us == clock.us
    assert on_call.on_call("primary", clock.us) == ()
    assert on_call.on_call("primary", clock.us + HOUR_US) == ("li",)
    assert on_call.on_call("primary", clock.us + 3 * HOUR_US) == ()


async def test_overrides_outlive_the_process(
    on_call: OnCall, clock: HandClock, records: MemoryRecords
) -> None:
    made = await on_call.stand_in([wanted(clock, 0, 3), wanted(clock, 5, 6, "wang")])

    again = Overrides(records, lambda: "other")
    await again.load()

    assert again.all() == made


async def test_nothing_of_the_past_changes(on_call: OnCall, clock: HandClock) -> None:
    (made,) = await on_call.stand_in([wanted(clock, -5, 3)])
    assert made.start_us == clock.us
    clock.us += HOUR_US
    with pytest.raises(OverridePastError):
        await on_call.change(made.id, replace(made, person="wang"))

    longer = await on_call.change(made.id, replace(made, end_us=made.end_us + HOUR_US))
    ended = await on_call.end(made.id)

    assert ended == longer
    assert on_call.overrides.get(made.id).end_us == clock.us
    assert on_call.on_call("primary", clock.us - 1) == ("li",)
    assert on_call.on_call("primary", clock.us) == ()
    with pytest.raises(OverridePastError):
        await on_call.end(made.id)


async def test_one_that_is_to_come_changes_and_goes(on_call: OnCall, clock: HandClock) -> None:
    (made,) = await on_call.stand_in([wanted(clock, 4, 5)])
    clock.us += HOUR_US

    changed = await on_call.change(made.id, replace(made, person="wang", by="zhao"))

    assert (changed.person, changed.by, changed.created_us) == ("wang", "zhao", clock.us)
    assert await on_call.end(made.id) == changed
    with pytest.raises(OverrideNotFoundError):
        on_call.overrides.get(made.id)


async def test_of_two_the_one_made_later_counts(on_call: OnCall, clock: HandClock) -> None:
    await on_call.stand_in([wanted(clock, 0, 9)])
    clock.us += 1
    await on_call.stand_in([wanted(clock, 1, 2, "wang")])

    assert on_call.on_call("primary", clock.us + HOUR_US) == ("wang",)


@pytest.mark.parametrize(
    ("start", "end"), [(3, 3), (4, 3), (-3, -1), (0, LONGEST_US // HOUR_US + 1)]
)
async def test_a_span_that_cannot_be_is_refused(
    on_call: OnCall, clock: HandClock, start: int, end: int
) -> None:
    with pytest.raises(InvalidOverrideError):
        await on_call.stand_in([wanted(clock, 0, 1), wanted(clock, start, end)])

    assert on_call.overrides.all() == []


async def test_names_that_nobody_has_are_refused(on_call: OnCall, clock: HandClock) -> None:
    with pytest.raises(OnCallNotFoundError, match="known: li, wang"):
        await on_call.stand_in([wanted(clock, 0, 1, "nobody")])
    with pytest.raises(OnCallNotFoundError, match="known: primary"):
        await on_call.stand_in([replace(wanted(clock, 0, 1), schedule="other")])


async def test_who_has_left_stands_in_no_longer(on_call: OnCall, clock: HandClock) -> None:
    await on_call.stand_in([wanted(clock, 0, 2)])
    clock.us += HOUR_US

    on_call.plan = replace(PLAN, people={"wang": PLAN.people["wang"]})

    assert on_call.on_call("primary", clock.us - 1) == ("li",)
    assert on_call.on_call("primary", clock.us) == ()


async def test_what_is_long_over_makes_room(
    on_call: OnCall, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OVERRIDES", 1)
    await on_call.stand_in([wanted(clock, 0, 1)])
    clock.us += DAY_US
    with pytest.raises(OverrideLimitError):
        await on_call.stand_in([wanted(clock, 0, 1)])
    clock.us += KEPT_US

    (made,) = await on_call.stand_in([wanted(clock, 0, 1)])

    assert on_call.overrides.all() == [made]
