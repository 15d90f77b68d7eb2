"""Cron schedules in `events.db`, moved on in the transaction that appends their events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import apsw

from event_system.eventlog.sqlite.commit import GroupCommit, Operation
from event_system.scheduling.ports import Done, KeptSchedule, Step
from event_system.scheduling.schedule import check_unchanged, decode_stored, encode_schedule

_COLUMNS = "name, revision, definition, next_us, last_us, fired_us, last_offset, fired"
_LOAD = f"SELECT {_COLUMNS} FROM schedules ORDER BY name"  # noqa: S608 - our own names
_GET = f"SELECT {_COLUMNS} FROM schedules WHERE name = ?"  # noqa: S608 - our own names
_PUT = """
INSERT INTO schedules (name, revision, definition, next_us, fired) VALUES (?, ?, ?, ?, 0)
ON CONFLICT DO UPDATE SET
    revision = excluded.revision, definition = excluded.definition, next_us = excluded.next_us
"""
_MOVE = """
UPDATE schedules SET next_us = :next_us, last_us = :last_us, fired_us = :fired_us, fired = :fired
WHERE name = :name AND revision = :revision AND next_us IS :from_us RETURNING name
"""
_PLACE = "UPDATE schedules SET last_offset = ? WHERE name = ?"

Submit: TypeAlias = Callable[[Operation[Any], Done[Any]], None]
"""`Writer.submit`."""


class SqliteScheduleStore:
    """Implements `scheduling.ports.ScheduleStore`."""

    def __init__(self, events: apsw.Connection, submit: Submit) -> None:
        self.kept = [_kept(row) for row in events.execute(_LOAD)]
        self._submit = submit

    def get(self, name: str, done: Done[KeptSchedule | None]) -> None:
        self._submit(Operation(partial(_get, name=name)), done)

    def put(self, schedule: KeptSchedule, before: int | None, done: Done[None]) -> None:
        self._submit(Operation(partial(_put, schedule=schedule, before=before)), done)

    def delete(self, name: str, before: int, done: Done[None]) -> None:
        self._submit(Operation(partial(_delete, name=name, before=before)), done)

    def advance(self, steps: Sequence[Step], done: Done[list[Sequence[int] | None]]) -> None:
        self._submit(Operation(partial(_advance, steps=steps)), done)


def _kept(row: Sequence[Any]) -> KeptSchedule:
    name, revision, definition, next_us, last_us, fired_us, last_offset, fired = row
    return KeptSchedule(
        name=name,
        revision=revision,
        definition=decode_stored(definition),
        next_us=next_us,
        last_us=last_us,
        fired_us=fired_us,
        last_offset=last_offset,
        fired=fired,
    )


def _get(tx: GroupCommit, name: str) -> KeptSchedule | None:
    rows = tx.execute(_GET, (name,))
    return _kept(rows[0]) if rows else None


def _check(tx: GroupCommit, name: str, before: int | None) -> None:
    stored = _get(tx, name)
    check_unchanged(name, None if stored is None else stored.revision, before)


def _put(tx: GroupCommit, schedule: KeptSchedule, before: int | None) -> None:
    _check(tx, schedule.name, before)
    if schedule.revision == before:
        return
    definition = encode_schedule(schedule.definition)
    tx.execute(_PUT, (schedule.name, schedule.revision, definition, schedule.next_us))


def _delete(tx: GroupCommit, name: str, before: int) -> None:
    _check(tx, name, before)
    tx.execute("DELETE FROM schedules WHERE name = ?", (name,))


def _advance(tx: GroupCommit, steps: Sequence[Step]) -> list[Sequence[int] | None]:
    return [_move(tx, step) for step in steps]


def _move(tx: GroupCommit, step: Step) -> Sequence[int] | None:
    before, after = step.before, step.after
    values = {
        "next_us": after.next_us,
        "last_us": after.last_us,
        "fired_us": after.fired_us,
        "fired": after.fired,
        "name": before.name,
        "revision": before.revision,
        "from_us": before.next_us,
    }
    if not tx.execute(_MOVE, values):
        return None
    offsets = tx.append(step.rows)
    if offsets:
        tx.execute(_PLACE, (abs(offsets[-1]), before.name))
    return offsets
