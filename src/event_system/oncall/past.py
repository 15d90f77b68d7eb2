"""Who was on call by the schedules as they were then: these change, what was stays.

Shifts are recorded ahead of time, so that no end of the process leaves a gap. A change of the
schedules replaces only what is to come. Overrides are recorded by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

import msgspec

from event_system.kernel.records import Records, encoded, load_all
from event_system.kernel.spans import Span, difference
from event_system.kernel.threads import in_thread
from event_system.oncall.overrides import DAY_US, KEPT_US
from event_system.oncall.plan import Plan
from event_system.oncall.rotations import Shift
from event_system.oncall.schedules import Schedule, joined

KIND: Final = "on_call_past"
AHEAD_US: Final = 40 * DAY_US
"""How far ahead shifts are recorded: as long as nodes may be down."""


class Recorded(msgspec.Struct, frozen=True, array_like=True):
    """Shifts of a schedule without overrides, sorted; known from `since_us` up to `until_us`."""

    since_us: int
    until_us: int
    shifts: tuple[Shift, ...]


class Past:
    """What is recorded of schedules, in memory and stored. One task at a time records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._kept: dict[str, Recorded] = {}
        self._recorded_us = 0

    async def load(self) -> None:
        """Take over what is stored. Raises `StorageError`."""
        self._kept = await load_all(self._records, KIND, Recorded)

    async def record(self, plan: Plan, now_us: int) -> None:
        """From now on schedules are as this plan has them. Raises `StorageError`."""
        rows = await in_thread(recorded, plan.schedules, self._kept, now_us)
        changes = {name: row for name, row in rows.items() if row != self._kept.get(name)}
        if changes:
            await self._records.save({KIND: encoded(changes)})
        self._kept = {name: row for name, row in rows.items() if row is not None}
        self._recorded_us = now_us

    def schedules(self, present: Mapping[str, Schedule]) -> list[Schedule]:
        """All that there are and were, as they were; what was before is as at present."""
        return [
            _as_it_was(name, self._kept.get(name), present.get(name))
            for name in sorted({*present, *self._kept})
        ]

    def until_now(self, present: Schedule) -> Schedule:
        """A schedule as it was, and from the last time that this was recorded on as it is now."""
        kept = self._kept.get(present.name)
        if kept is None:
            return present
        known = msgspec.structs.replace(kept, until_us=min(kept.until_us, self._recorded_us))
        return replace(present, layers=(_RecordedTurns(present.name, known, present),))


def recorded(
    schedules: Mapping[str, Schedule], kept: Mapping[str, Recorded], now_us: int
) -> dict[str, Recorded | None]:
    """What is to be kept by name; None where nothing is left of a schedule that is gone."""
    since_us = min((row.since_us for row in kept.values()), default=now_us)
    found: dict[str, Recorded | None] = {}
    for name in {*schedules, *kept}:
        before = kept.get(name, Recorded(since_us, now_us, ()))
        row = _continued(before, schedules.get(name), now_us)
        found[name] = row if row.shifts or name in schedules else None
    return found


def _continued(before: Recorded, schedule: Schedule | None, now_us: int) -> Recorded:
    """The past as it was, and what is to come as it is now; None is no schedule any more."""
    from_us, oldest_us = min(before.until_us, now_us), now_us - KEPT_US
    until_us = now_us + AHEAD_US
    to_come = [] if schedule is None else schedule.shifts(Span(from_us, until_us))
    past = _clipped(before.shifts, Span(oldest_us, from_us))
    since_us = max(before.since_us, oldest_us)
    return Recorded(since_us, until_us, tuple(joined([*past, *to_come])))


def _clipped(shifts: Iterable[Shift], within: Span) -> list[Shift]:
    parts = ((shift, shift.span.clipped(within)) for shift in shifts)
    return [
        Shift(part.start_us, part.end_us, shift.people, shift.kind, shift.by)
        for shift, part in parts
        if part.length_us
    ]


def _as_it_was(name: str, kept: Recorded | None, present: Schedule | None) -> Schedule:
    if kept is None:  # just made: it is recorded in a moment
        return present or Schedule(name, UTC, ())
    zone = UTC if present is None else present.zone
    return Schedule(name, zone, (_RecordedTurns(name, kept, present),))


@dataclass(frozen=True, slots=True)
class _RecordedTurns:
    """Implements `schedules.Turns` with what is recorded, and `other` for what is not."""

    name: str
    recorded: Recorded
    other: Schedule | None

    @property
    def cycle_us(self) -> int:
        return 0 if self.other is None else self.other.cycle_us

    def shifts(self, within: Span) -> list[Shift]:
        known = Span(self.recorded.since_us, self.recorded.until_us).clipped(within)
        found = _clipped(self.recorded.shifts, known)
        if self.other is not None:
            for part in difference([within], [known]):
                found += self.other.shifts(part)
        return sorted(found, key=lambda shift: shift.start_us)
