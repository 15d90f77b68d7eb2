"""The node's part that knows who is on call."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from event_system.kernel.errors import StorageError
from event_system.kernel.spans import Span
from event_system.node.on_call import OnCallPart
from event_system.oncall.overrides import DAY_US
from event_system.oncall.past import KIND
from tests.support.clock import HandClock
from tests.support.memory_records import MemoryRecords
from tests.support.on_call import PLAN, moment
from tests.support.waiting import until

START = moment("2026-11-02T09:00+08:00")


async def test_schedules_that_a_reload_takes_away_are_remembered_over_a_restart() -> None:
    records, clock = MemoryRecords(), HandClock(START)
    part = OnCallPart(PLAN, records, clock, os.urandom)
    await part.start()
    await until(lambda: KIND in records.rows)
    before = dict(records.rows[KIND])
    clock.us += DAY_US
    nobody = replace(PLAN, schedules={})
    part.take_over(nobody)
    await until(lambda: records.rows[KIND] != before)
    await part.stop()

    again = OnCallPart(nobody, records, clock, os.urandom)
    await again.start()
    [primary] = again.on_call.past(Span(START, START + 2 * DAY_US))
    [shift] = primary.shifts(Span(START, START + 2 * DAY_US))
    await again.stop()

    assert (shift.people, shift.span) == (("wang",), Span(START, START + DAY_US))


async def test_a_store_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    records = MemoryRecords()
    records.failure = StorageError("full")
    part = OnCallPart(PLAN, records, HandClock(START), os.urandom)
    await part.start()
    await until(lambda: caplog.messages)
    assert caplog.messages == ["who is on call was not recorded: full"]
    assert KIND not in records.rows

    records.failure = None
    part.take_over(PLAN)
    await until(lambda: KIND in records.rows)
    await part.stop()
