"""Three people in two zones, who are on call by the week; with records in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from event_system.kernel.clock import Clock, to_us
from event_system.oncall.overrides import Overrides
from event_system.oncall.past import Past
from event_system.oncall.people import Person
from event_system.oncall.plan import Plan
from event_system.oncall.roster import OnCall
from event_system.oncall.rotations import Layer
from event_system.oncall.schedules import Schedule
from tests.support.memory_records import MemoryRecords

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {
    "li": Person(
        "li", "Li Wei", SHANGHAI, {"email": "li@example.org", "phone": "+86138"}, "zh", "李伟"
    ),
    "wang": Person("wang", "Wang Fang", SHANGHAI, {"email": "wang@example.org"}, "zh", "王芳"),
    "anna": Person("anna", "Anna Schmidt", BERLIN),
}
WEEKLY = Layer(
    "weekly",
    (("li",), ("wang",)),
    SHANGHAI,
    datetime.fromisoformat("2026-01-05T09:00"),
    timedelta(days=7),
)
PLAN = Plan(
    people=PEOPLE,
    schedules={
        "primary": Schedule("primary", SHANGHAI, (WEEKLY,), description="Who answers first"),
        "empty": Schedule("empty", SHANGHAI, ()),
    },
)


def on_call_for_tests(clock: Clock, plan: Plan = PLAN, past: Past | None = None) -> OnCall:
    numbers, records = count(1), MemoryRecords()
    overrides = Overrides(records, lambda: f"o{next(numbers)}")
    return OnCall(plan, overrides, past or Past(records), clock)


def moment(text: str) -> int:
    """Of RFC 3339."""
    return to_us(datetime.fromisoformat(text).astimezone(UTC))
