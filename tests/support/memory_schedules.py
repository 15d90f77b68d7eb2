"""Schedules in memory: durable for as long as a test runs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from event_system.kernel.errors import ScheduleConflictError
from event_system.scheduling.ports import Done, KeptSchedule, Step
from event_system.scheduling.schedule import check_unchanged
from tests.support.memory_log import MemoryLog


class MemoryScheduleStore:
    """Implements `ScheduleStore`."""

    def __init__(self, log: MemoryLog) -> None:
        self.kept: list[KeptSchedule] = []
        self.stored: dict[str, KeptSchedule] = {}
        self._log = log

    def get(self, name: str, done: Done[KeptSchedule | None]) -> None:
        done(self.stored.get(name))

    def _conflict(self, name: str, before: int | None) -> ScheduleConflictError | None:
        known = self.stored.get(name)
        try:
            check_unchanged(name, None if known is None else known.revision, before)
        except ScheduleConflictError as error:
            return error
        return None

    def put(self, schedule: KeptSchedule, before: int | None, done: Done[None]) -> None:
        if (error := self._conflict(schedule.name, before)) is not None:
            done(error)
            return
        if schedule.revision == before:
            done(None)
            return
        if (known := self.stored.get(schedule.name)) is not None:
            changed = {"revision": schedule.revision, "definition": schedule.definition}
            schedule = replace(known, next_us=schedule.next_us, **changed)
        self.stored[schedule.name] = schedule
        done(None)

    def delete(self, name: str, before: int, done: Done[None]) -> None:
        error = self._conflict(name, before)
        if error is None:
            del self.stored[name]
        done(error)

    def advance(self, steps: Sequence[Step], done: Done[list[Sequence[int] | None]]) -> None:
        done([self._advance(step) for step in steps])

    def _advance(self, step: Step) -> Sequence[int] | None:
        before, now = step.before, self.stored.get(step.before.name)
        if now is None or (now.revision, now.next_us) != (before.revision, before.next_us):
            return None
        offsets: list[int] = []
        self._log.submit(step.rows, offsets.extend)  # type: ignore[arg-type]
        last = abs(offsets[-1]) if offsets else now.last_offset
        self.stored[before.name] = replace(step.after, last_offset=last)
        return offsets
