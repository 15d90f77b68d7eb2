"""Who is on call: the settings' schedules with the overrides upon them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from event_system.kernel.clock import Clock
from event_system.kernel.errors import InvalidOverrideError
from event_system.kernel.spans import Span
from event_system.oncall.calendars import Calendar
from event_system.oncall.overrides import DAY_US, Override, Overrides
from event_system.oncall.past import Past
from event_system.oncall.plan import Plan
from event_system.oncall.rotations import People, Shift
from event_system.oncall.schedules import Schedule

LONGEST_LOOK_US: Final = 370 * DAY_US
"""How far hand-overs are looked for."""
SHORTEST_LOOK_US: Final = 15 * DAY_US
PRIMARY: Final = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a schedule stands at a moment.

    `shift` is None in a gap. `next` is the first shift after it that others have; None where none
    comes within the look ahead. The ends of a shift are None where they are further away than
    that.
    """

    schedule: str
    people: People
    since_us: int | None
    until_us: int | None
    shift: Shift | None
    next: Shift | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A schedule and what stands in, as they are now: nothing in it changes any more.

    So it can be computed with in another thread.
    """

    schedule: Schedule
    overrides: tuple[Override, ...]

    def shifts(self, within: Span) -> list[Shift]:
        return self.schedule.shifts(within, self.overrides)

    def gaps(self, within: Span) -> list[Span]:
        return self.schedule.gaps(within, self.overrides)

    def standing(self, at_us: int) -> Standing:
        """Who answers at a moment, since when, until when, and who then."""
        look_us = min(max(2 * self.schedule.cycle_us, SHORTEST_LOOK_US), LONGEST_LOOK_US)
        near = Span(at_us - look_us, at_us + look_us)
        shifts = self.shifts(near)
        now = next((each for each in shifts if each.start_us <= at_us < each.end_us), None)
        people = () if now is None else now.people
        later = (each for each in shifts if each.start_us > at_us and each.people != people)
        return Standing(
            self.schedule.name,
            people,
            None if now is None or now.start_us == near.start_us else now.start_us,
            None if now is None or now.end_us == near.end_us else now.end_us,
            now,
            next(later, None),
        )


class OnCall:
    """People, schedules and overrides of a node, asked for a moment.

    `plan` may be replaced at any time. What is asked of a schedule that is gone raises
    `OnCallNotFoundError`; overrides of people who are gone do not count from now on.
    """

    def __init__(self, plan: Plan, overrides: Overrides, past: Past, clock: Clock) -> None:
        self.plan = plan
        self.overrides = overrides
        self._past = past
        self._clock = clock

    def picture(self, schedule: str, within: Span) -> Picture:
        """A schedule as far as a span needs it: until now as it was. Raises `OnCallNotFoundError`."""
        found, now_us = self._past.until_now(self.plan.schedule(schedule)), self._clock.now_us()
        known = (self._counting(each, now_us) for each in self.overrides.of(schedule, within))
        return Picture(found, tuple(known))

    def _counting(self, override: Override, now_us: int) -> Override:
        """As far as it counts: people who are gone stand in no longer."""
        if override.person in self.plan.people:
            return override
        return replace(override, end_us=min(override.end_us, now_us))

    def past(self, within: Span) -> list[Picture]:
        """All schedules as they were in a span that is over, those and people that are gone too."""
        return [
            Picture(each, tuple(self.overrides.of(each.name, within)))
            for each in self._past.schedules(self.plan.schedules)
        ]

    def on_call(self, schedule: str, at_us: int) -> People:
        """Names of who answers, the first one first; empty in a gap."""
        moment = Span(at_us, at_us + 1)
        shifts = self.picture(schedule, moment).shifts(moment)
        return shifts[0].people if shifts else ()

    def standing(self, schedule: str, at_us: int) -> Standing:
        """Who answers, until when, and who is next."""
        near = Span(at_us - LONGEST_LOOK_US, at_us + LONGEST_LOOK_US)
        return self.picture(schedule, near).standing(at_us)

    def working_hours(self, schedule: str | None = None, person: str | None = None) -> Calendar:
        """The calendar by which a response time goes: a person's, a schedule's, that of all."""
        plan = self.plan
        return plan.working_hours(
            None if person is None else plan.person(person),
            None if schedule is None else plan.schedule(schedule),
        )

    def hours_of_primary(self, schedule: str, at_us: int) -> Calendar:
        """The working hours of who answers first at a moment; in a gap those of the schedule."""
        people = self.on_call(schedule, at_us)
        return self.working_hours(schedule, people[PRIMARY] if people else None)

    # Overrides

    async def stand_in(self, wanted: list[Override]) -> list[Override]:
        """Store new overrides, all or none.

        Raises `OnCallNotFoundError`, `InvalidOverrideError`, `OverrideLimitError`, `StorageError`.
        """
        for each in wanted:
            self._check_names(each)
        return await self.overrides.add(wanted, self._clock.now_us())

    async def change(self, id_: str, wanted: Override) -> Override:
        """Change one. Raises as `stand_in`, `OverrideNotFoundError` and `OverridePastError`."""
        self._check_names(wanted)
        return await self.overrides.change(id_, wanted, self._clock.now_us())

    async def end(self, id_: str) -> Override:
        """Delete one that is to come, end one that has begun; see `Overrides.end`."""
        return await self.overrides.end(id_, self._clock.now_us())

    def _check_names(self, override: Override) -> None:
        self.plan.schedule(override.schedule)
        self.plan.person(override.person)
        if not override.by:
            raise InvalidOverrideError("who has it so must be said", where="by")


def override_of(schedule: str, person: str, span: Span, by: str, note: str = "") -> Override:
    """What is to be stored; the store gives it its id and its time."""
    return Override("", schedule, person, span.start_us, span.end_us, 0, by, note)
