"""What a report is made of, collected from the manager. Loop thread only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final

from event_system.incidents.book import Case
from event_system.incidents.calls import PERSON
from event_system.incidents.incident import Incident
from event_system.incidents.manager import IncidentManager
from event_system.incidents.postmortem import Postmortem
from event_system.incidents.reports.measures import end_us
from event_system.incidents.reports.monthly import Gathered, Item, Reported
from event_system.kernel.spans import Span

AT_ONCE: Final = 20
"""Incidents that are looked at before others have their turn: closed ones are unpacked."""


async def gathered(manager: IncidentManager, within: Span, now_us: int) -> Gathered:
    """All incidents that touch a span, and the action items of postmortems begun before its end."""
    reported: list[Reported] = []
    oldest_us = 0
    is_full = manager.book.archived[0] >= manager.options.max_closed
    for number, case in enumerate(manager.cases(), 1):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        if _touches(case.incident, within, now_us):
            reported.append(_reported(case))
        if is_full and manager.book.is_archived(case.incident.id):
            oldest_us = case.incident.opened_us
    return Gathered(
        reported=reported,
        items=_items(manager.postmortems.all(), within.end_us),
        complete_since_us=max(oldest_us, now_us - manager.options.retention_us),
    )


def _touches(incident: Incident, within: Span, now_us: int) -> bool:
    """By when it was noticed, or by when its service was down."""
    first_us = min(incident.opened_us, incident.started_us)
    last_us = max(incident.opened_us, end_us(incident, now_us))
    return first_us < within.end_us and last_us >= within.start_us


def _reported(case: Case) -> Reported:
    """As it is now: what is open goes on changing."""
    pages = Counter(
        row.target.removeprefix(PERSON)
        for row in case.pages.values()
        if row.state == "sent" and row.target.startswith(PERSON)
    )
    return Reported(incident=case.incident, alerts=tuple(case.alerts.values()), pages=pages)


def _items(postmortems: Iterable[Postmortem], until_us: int) -> list[Item]:
    return [
        Item(
            incident=postmortem.incident,
            text=item.text,
            owner=item.owner,
            due_us=item.due_us,
            done_us=item.done_us,
        )
        for postmortem in postmortems
        if postmortem.created_us < until_us
        for item in postmortem.items
        if item.state != "dropped"
    ]
