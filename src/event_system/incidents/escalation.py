"""Who is paged when: chains of steps, and the moments that they fall on. Pure.

A chain goes on until somebody answers. Its position is kept with the incident (`Escalation`), so
that a restart goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from event_system.incidents.incident import Escalation
from event_system.incidents.levels import Level
from event_system.incidents.ports import WorkingTime

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
ALL_METHODS: Final = ("phone", "sms", "email", "slack")
BY_MESSAGE: Final = ("sms", "email", "slack")
BY_MAIL: Final = ("email", "slack")


@dataclass(frozen=True, slots=True)
class Span:
    """How long something may take.

    `open_us` counts where it begins in working time, `closed_us` elsewhere; where that is None,
    only working time counts.
    """

    open_us: int
    closed_us: int | None

    def after(self, at_us: int, hours: WorkingTime) -> int:
        """The moment at which it is over."""
        if self.closed_us is None:
            return hours.add(at_us, self.open_us, only_open=True)
        return at_us + (self.open_us if hours.is_open(at_us) else self.closed_us)


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to page: `after_us` from the beginning, None is the level's response time.

    `targets` are `schedule:NAME`, `person:NAME` or `receiver:NAME`. `methods` are tried for each
    person who can be reached by them.
    """

    after_us: int | None
    targets: Sequence[str]
    methods: Sequence[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a level asks of people.

    `response` is the time within which somebody is to answer, `update` how long an acknowledged
    incident may be without news; None asks for none. `repeat` is the time between repetitions of
    the last step. Where `needs_answer`, the incident is not resolved by itself before somebody has
    acknowledged it.
    """

    response: Span
    update: Span | None
    repeat: Span
    chain: Sequence[Step]
    needs_answer: bool = False


def _chain(methods: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(0, ("schedule:primary",), methods),
        Step(None, ("schedule:primary", "schedule:secondary"), methods),
    )


POLICIES: Final[Mapping[Level, Policy]] = {
    "P0": Policy(
        response=Span(5 * MINUTE_US, 5 * MINUTE_US),
        update=Span(30 * MINUTE_US, 30 * MINUTE_US),
        repeat=Span(10 * MINUTE_US, 10 * MINUTE_US),
        chain=_chain(ALL_METHODS),
        needs_answer=True,
    ),
    "P1": Policy(
        response=Span(30 * MINUTE_US, 2 * HOUR_US),
        update=Span(HOUR_US, 2 * HOUR_US),
        repeat=Span(30 * MINUTE_US, 2 * HOUR_US),
        chain=_chain(BY_MESSAGE),
    ),
    "P2": Policy(
        response=Span(2 * HOUR_US, None),
        update=Span(8 * HOUR_US, None),
        repeat=Span(8 * HOUR_US, None),
        chain=_chain(BY_MAIL),
    ),
    "P3": Policy(
        response=Span(24 * HOUR_US, None),
        update=None,
        repeat=Span(40 * HOUR_US, None),
        chain=_chain(BY_MAIL),
    ),
}
"""S1 §3.1: at once; 30 minutes or 2 hours; 2 hours or the next working day; 24 working hours."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The policies, and the working time that they count in."""

    hours: WorkingTime
    policies: Mapping[Level, Policy] = field(default_factory=lambda: POLICIES)

    def begun(self, level: Level, now_us: int, told: Sequence[str] = ()) -> Escalation:
        """A chain at its beginning."""
        fresh = Escalation(level=level, began_us=now_us, told=tuple(told))
        return self._placed(fresh, 0, 0)

    def lowered(self, level: Level, opened_us: int, now_us: int) -> Escalation:
        """The chain of a level that turned out to be enough: its first step is done."""
        fresh = Escalation(level=level, began_us=opened_us)
        last = len(self.policies[level].chain) - 1
        return self._placed(fresh, min(1, max(last, 0)), now_us)

    def step_of(self, escalation: Escalation) -> Step | None:
        """The step to come; None where the level has no chain."""
        chain = self.policies[escalation.level].chain
        return chain[min(escalation.step, len(chain) - 1)] if chain else None

    def after_step(self, escalation: Escalation, now_us: int) -> Escalation:
        """The next one, or after the last one the same again: then `round` has grown."""
        policy = self.policies[escalation.level]
        if escalation.step + 1 < len(policy.chain):
            return self._placed(escalation, escalation.step + 1, now_us)
        due_us = policy.repeat.after(now_us, self.hours)
        return msgspec.structs.replace(
            escalation, step=len(policy.chain) - 1, round=escalation.round + 1, due_us=due_us
        )

    def stopped(self, escalation: Escalation, now_us: int) -> Escalation:
        """Somebody has answered, or told news: the next thing due is a reminder of them."""
        update = self.policies[escalation.level].update
        due_us = 0 if update is None else update.after(now_us, self.hours)
        return msgspec.structs.replace(escalation, due_us=due_us, reminders=0)

    def reminded(self, escalation: Escalation, now_us: int) -> Escalation:
        """The assignee was reminded; the next reminder goes to the chain as well."""
        stopped = self.stopped(escalation, now_us)
        return msgspec.structs.replace(stopped, reminders=escalation.reminders + 1)

    def _placed(self, escalation: Escalation, step: int, least_us: int) -> Escalation:
        policy = self.policies[escalation.level]
        if not policy.chain:
            return msgspec.structs.replace(escalation, due_us=0)
        after_us = policy.chain[step].after_us
        if after_us is None:
            due_us = policy.response.after(escalation.began_us, self.hours)
        else:
            due_us = escalation.began_us + after_us
        return msgspec.structs.replace(escalation, step=step, due_us=max(due_us, least_us))
