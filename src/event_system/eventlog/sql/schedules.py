"""Cron schedules, moved on in the transaction that appends their events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import sqlalchemy as sa

from event_system.eventlog.sql.commit import GroupCommit, Operation
from event_system.scheduling.ports import Done, KeptSchedule, Step
from event_system.scheduling.schedule import check_unchanged, decode_stored, encode_schedule
from event_system.sql.tables.log import SCHEDULES

LOAD = sa.select(SCHEDULES).order_by(SCHEDULES.c.name)

Submit: TypeAlias = Callable[[Operation[Any], Done[Any]], None]
"""`Writer.submit`."""


class SqlScheduleStore:
    """Implements `scheduling.ports.ScheduleStore`. `rows` are what `LOAD` has found."""

    def __init__(self, rows: Sequence[sa.Row[Any]], submit: Submit) -> None:
        self.kept = [kept(row) for row in rows]
        self._submit = submit

    def get(self, name: str, done: Done[KeptSchedule | None]) -> None:
        self._submit(Operation(partial(_get, name)), done)

    def put(self, schedule: KeptSchedule, before: int | None, done: Done[None]) -> None:
        self._submit(Operation(partial(_put, schedule, before)), done)

    def delete(self, name: str, before: int, done: Done[None]) -> None:
        self._submit(Operation(partial(_delete, name, before)), done)

    def advance(self, steps: Sequence[Step], done: Done[list[Sequence[int] | None]]) -> None:
        rows = [row for step in steps for row in step.rows]
        self._submit(Operation(partial(_advance, steps), rows), done)


def kept(row: sa.Row[Any]) -> KeptSchedule:
    members = dict(row._mapping)
    return KeptSchedule(**{**members, "definition": decode_stored(members["definition"])})


def _of(name: str) -> sa.ColumnElement[bool]:
    return SCHEDULES.c.name == name


async def _get(name: str, tx: GroupCommit) -> KeptSchedule | None:
    rows = await tx.execute(sa.select(SCHEDULES).where(_of(name)))
    return kept(rows[0]) if rows else None


async def _check(name: str, before: int | None, tx: GroupCommit) -> None:
    """Nobody else changes a schedule meanwhile: the transaction holds the lock of the log."""
    stored = await _get(name, tx)
    check_unchanged(name, None if stored is None else stored.revision, before)


async def _put(schedule: KeptSchedule, before: int | None, tx: GroupCommit) -> None:
    await _check(schedule.name, before, tx)
    if schedule.revision == before:
        return
    values = {
        "revision": schedule.revision,
        "definition": encode_schedule(schedule.definition),
        "next_us": schedule.next_us,
    }
    if before is None:
        new = {"name": schedule.name, "fired": 0, **values}
        await tx.execute(sa.insert(SCHEDULES).values(new))
    else:
        await tx.execute(sa.update(SCHEDULES).where(_of(schedule.name)).values(values))


async def _delete(name: str, before: int, tx: GroupCommit) -> None:
    await _check(name, before, tx)
    await tx.execute(sa.delete(SCHEDULES).where(_of(name)))


async def _advance(steps: Sequence[Step], tx: GroupCommit) -> list[Sequence[int] | None]:
    return [await _move(tx, step) for step in steps]


async def _move(tx: GroupCommit, step: Step) -> Sequence[int] | None:
    before, after = step.before, step.after
    stands = sa.select(SCHEDULES.c.revision, SCHEDULES.c.next_us).where(_of(before.name))
    if [tuple(row) for row in await tx.execute(stands)] != [(before.revision, before.next_us)]:
        return None
    offsets = await tx.append(step.rows)
    moved: dict[str, Any] = {
        "next_us": after.next_us,
        "last_us": after.last_us,
        "fired_us": after.fired_us,
        "fired": after.fired,
    }
    if offsets:
        moved["last_offset"] = abs(offsets[-1])
    await tx.execute(sa.update(SCHEDULES).where(_of(before.name)).values(moved))
    return offsets
