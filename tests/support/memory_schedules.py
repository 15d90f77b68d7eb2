"""Schedules in memory: durable for as long as a test runs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from event_system.scheduling.ports import Done, KeptSchedule, Step
from tests.support.memory_log import MemoryLog


class MemoryScheduleStore:
    """Implements `ScheduleStore`."""

    def __init__(self, log: MemoryLog) -> None:
        self.kept: list[KeptSchedule] = []
        self.stored: dict[str, KeptSchedule] = {}
        self._log = log

    def put(self, schedule: KeptSchedule, done: Done[None]) -> None:
        if (known := self.stored.get(schedule.name)) is not None:
            changed = {"revision": schedule.revision, "definition": schedule.definition}
            schedule = replace(known, next_us=schedule.next_us, **changed)
        self.stored[schedule.name] = schedule
        done(None)

    def delete(self, name: str, done: Done[None]) -> None:
        self.stored.pop(name, None)
        done(None)

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
