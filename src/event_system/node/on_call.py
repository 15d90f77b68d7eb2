"""Who is on call, as a part of a node: what is stored is loaded, and others may ask."""

from __future__ import annotations

from typing import Final

from event_system.kernel.chance import RandomBytes
from event_system.kernel.clock import Clock
from event_system.kernel.ids import IdFactory
from event_system.kernel.records import Records
from event_system.node.incidents import Answering
from event_system.oncall.calendars import Calendar
from event_system.oncall.overrides import Overrides
from event_system.oncall.plan import Plan
from event_system.oncall.roster import OnCall

PRIMARY: Final = "primary"
"""The schedule that incidents go to where nothing else is configured."""


class OnCallPart:
    """One of the parts of `operations.py`. `on_call` answers from `start` on."""

    name = "on_call"

    def __init__(
        self, plan: Plan, records: Records, clock: Clock, random_bytes: RandomBytes
    ) -> None:
        ids = IdFactory(random_bytes)
        self._overrides = Overrides(records, lambda: ids.next(clock.now_us()))
        self.on_call = OnCall(plan, self._overrides, clock)

    async def start(self) -> None:
        """Raises `StorageError`."""
        await self._overrides.load()

    async def stop(self) -> None:
        """Nothing is under way that its caller does not wait for."""

    def trouble(self) -> str:
        return ""

    def take_over(self, plan: Plan) -> None:
        """Another configuration; it has been checked."""
        self.on_call.plan = plan


class RosterOf:
    """Implements `incidents.ports.Roster`; nobody answers for a schedule that there is not."""

    def __init__(self, on_call: OnCall) -> None:
        self._on_call = on_call

    def on_call(self, schedule: str, at_us: int) -> tuple[str, ...]:
        if schedule not in self._on_call.plan.schedules:
            return ()
        return self._on_call.on_call(schedule, at_us)


class HoursOf:
    """Implements `incidents.ports.WorkingTime` by the hours of who is on call at the moment.

    That is whoever answers first for the schedule when a response time begins, by their own
    clocks; without a schedule the hours of all count.
    """

    def __init__(self, on_call: OnCall, schedule: str | None = None) -> None:
        self._on_call = on_call
        self._schedule = schedule

    def is_open(self, at_us: int) -> bool:
        return self._calendar(at_us).is_open(at_us)

    def add(self, at_us: int, span_us: int, *, only_open: bool) -> int:
        return self._calendar(at_us).add(at_us, span_us, only_open=only_open)

    def _calendar(self, at_us: int) -> Calendar:
        if self._schedule is None or self._schedule not in self._on_call.plan.schedules:
            return self._on_call.working_hours()
        return self._on_call.hours_of_primary(self._schedule, at_us)


def answering(on_call: OnCall) -> Answering:
    """Who answers for incidents: response times go by the hours of who is `primary`."""
    roster, hours = RosterOf(on_call), HoursOf(on_call, PRIMARY)
    return Answering(roster, hours, lambda: on_call.plan.people)
