"""Who is on call, as a part of a node: what is stored is loaded, and others may ask."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from event_system.kernel.chance import RandomBytes
from event_system.kernel.clock import Clock
from event_system.kernel.errors import EventSystemError
from event_system.kernel.ids import IdFactory
from event_system.kernel.records import Records
from event_system.kernel.tasks import end
from event_system.node.incidents import Answering
from event_system.oncall.calendars import Calendar
from event_system.oncall.overrides import Overrides
from event_system.oncall.past import Past
from event_system.oncall.plan import Plan
from event_system.oncall.roster import OnCall

PRIMARY: Final = "primary"
"""The schedule that incidents go to where nothing else is configured."""
RECORD_SECONDS: Final = 3_600.0
"""How often who is on call is recorded, besides each time that schedules change."""
_log = logging.getLogger(__name__)


class OnCallPart:
    """One of the parts of `operations.py`. `on_call` answers from `start` on."""

    name = "on_call"

    def __init__(
        self, plan: Plan, records: Records, clock: Clock, random_bytes: RandomBytes
    ) -> None:
        ids = IdFactory(random_bytes)
        self._overrides = Overrides(records, lambda: ids.next(clock.now_us()))
        self._past = Past(records)
        self.on_call = OnCall(plan, self._overrides, self._past, clock)
        self._clock = clock
        self._has_changed = asyncio.Event()
        self._recording: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises `StorageError`."""
        await self._overrides.load()
        await self._past.load()
        self._recording = asyncio.get_running_loop().create_task(self._record(), name="on-call")

    async def _record(self) -> None:
        """Record who is on call, so that it is known once the schedules are others."""
        while True:
            self._has_changed.clear()
            try:
                await self._past.record(self.on_call.plan, self._clock.now_us())
            except EventSystemError as error:
                _log.error("who is on call was not recorded: %s", error.detail)
            try:
                async with asyncio.timeout(RECORD_SECONDS):
                    await self._has_changed.wait()
            except TimeoutError:
                continue

    async def stop(self) -> None:
        if self._recording is not None:
            await end(self._recording)

    def trouble(self) -> str:
        return ""

    def take_over(self, plan: Plan) -> None:
        """Another configuration; it has been checked."""
        self.on_call.plan = plan
        self._has_changed.set()


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
