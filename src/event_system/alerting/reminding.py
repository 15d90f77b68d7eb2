"""Looks after silences that somebody should think of (`forgotten.py`), a slice of alerts a turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from event_system.alerting.alert import Alert
from event_system.alerting.book import Book
from event_system.alerting.forgotten import Note, Reminders, causes, is_news, noted, report
from event_system.alerting.reports import Report
from event_system.alerting.silences import Silences

LOOK_SECONDS: Final = 60.0
_AT_ONCE: Final = 200
_log = logging.getLogger(__name__)


class Reminding:
    """What is known of each silence, and whom it is time to remind."""

    def __init__(self, silences: Silences, book: Book, by: Reminders) -> None:
        self._silences = silences
        self._book = book
        self._by = by
        self._notes: dict[str, Note] = {}
        self._told: set[tuple[str, str]] = set()

    def take_up(self, notes: Iterable[tuple[str, Note]]) -> None:
        """Go on with what was kept."""
        self._notes.update(notes)

    async def look(self, firing: Sequence[Alert], now_us: int) -> list[Report]:
        """What is to be reported now; others have their turn meanwhile."""
        hiding: set[str] = set()
        for place, alert in enumerate(firing, 1):
            hiding.update(self._silences.silencing(alert.labels, now_us))
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)
        reports = []
        active = [each for each in self._silences.all(now_us) if each.state(now_us) == "active"]
        for silence in active:
            before = self._notes.get(silence.id)
            note = noted(before, silence, silence.id in hiding, now_us)
            if is_news(before, note):
                self._book.waiting.notes[silence.id] = note
                self._notes[silence.id] = note
            for cause in causes(silence, note, now_us, self._by):
                reports.append(report(silence, note, cause, now_us))
                self._log(reports[-1], (silence.id, cause))
        self._forget({silence.id for silence in active})
        return reports

    def _log(self, of: Report, key: tuple[str, str]) -> None:
        if key not in self._told:
            self._told.add(key)
            _log.warning("a silence is forgotten: %s", of.annotations["summary"])

    def _forget(self, active: set[str]) -> None:
        for id_ in self._notes.keys() - active:
            del self._notes[id_]
            self._book.waiting.notes[id_] = None
        self._told = {key for key in self._told if key[0] in active}
