"""The state of alerting as records: alerts, silences, what was told, when groups are due."""

from __future__ import annotations

import asyncio
from typing import Final

from event_system.alerting.alert import Alert
from event_system.alerting.dedupe import Entry
from event_system.alerting.forgotten import Note
from event_system.alerting.groups import Timer
from event_system.alerting.ports import Changes, Kept
from event_system.alerting.recurring import RecurringSilence
from event_system.alerting.silences import Silence
from event_system.kernel import records

ALERTS: Final = "alerts"
SILENCES: Final = "silences"
ENTRIES: Final = "entries"
TIMERS: Final = "timers"
RECURRING: Final = "recurring_silences"
NOTES: Final = "silence_notes"
AT_ONCE: Final = 500
"""Rows that are encoded before others have their turn: some milliseconds."""


async def rows_of(changes: Changes) -> records.Changes:
    """Changes of alerting as they are saved. Others have their turn in between."""
    found: dict[str, dict[str, bytes | None]] = {}
    for kind, rows in (
        (ALERTS, changes.alerts),
        (SILENCES, changes.silences),
        (ENTRIES, changes.entries),
        (TIMERS, changes.timers),
        (RECURRING, changes.recurring),
        (NOTES, changes.notes),
    ):
        if not rows:
            continue
        items, found[kind] = list(rows.items()), {}
        for start in range(0, len(items), AT_ONCE):
            if start:
                await asyncio.sleep(0)
            found[kind] |= records.encoded(dict(items[start : start + AT_ONCE]))
    return found


class RecordedAlerting:
    """Implements `alerting.ports.AlertingStore`."""

    def __init__(self, records_: records.Records) -> None:
        self._records = records_

    async def load(self) -> Kept:
        return Kept(
            alerts=await records.load_all(self._records, ALERTS, Alert),
            silences=await records.load_all(self._records, SILENCES, Silence),
            entries=await records.load_all(self._records, ENTRIES, Entry),
            timers=await records.load_all(self._records, TIMERS, Timer),
            recurring=await records.load_all(self._records, RECURRING, RecurringSilence),
            notes=await records.load_all(self._records, NOTES, Note),
        )

    async def save(self, changes: Changes) -> None:
        await self._records.save(await rows_of(changes))
