"""Beginnings and ends of alerts as events, saved together with the alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from event_system.alerting.alert import Alert, lapsed
from event_system.alerting.ports import Changes, Kept
from event_system.alerting.storing import RecordedAlerting, rows_of
from event_system.events.outbox import Announcement
from event_system.kernel.clock import rfc3339
from event_system.kernel.records import Changes as Rows
from event_system.kernel.records import Records

FIRING: Final = "alert.firing"
RESOLVED: Final = "alert.resolved"
NO_SEVERITY: Final = "none"
AT_ONCE: Final = 200
"""Alerts that are looked at before others have their turn."""


class Announcer(Protocol):
    """Saves changes with the events that they owe; see `events.outbox.Outbox`."""

    async def save(self, changes: Rows, announcements: list[Announcement]) -> None:
        """Store both, all or nothing. Raises `StorageError`."""


class AnnouncedAlerting:
    """Implements `AlertingStore`: what is stored of an alert says what was announced of it.

    An alert fires as it is stored where its end was after its last report. So each beginning and
    each end is announced once, whatever was reported in between and however often.
    """

    def __init__(self, records: Records, announcer: Announcer) -> None:
        self._stored = RecordedAlerting(records)
        self._announcer = announcer
        self._known: dict[str, Alert] = {}

    async def load(self) -> Kept:
        kept = await self._stored.load()
        self._known = dict(kept.alerts)
        return kept

    async def save(self, changes: Changes) -> None:
        announcements: list[Announcement] = []
        for place, (fingerprint, after) in enumerate(changes.alerts.items(), 1):
            announcements += owed(self._known.get(fingerprint), after)
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._announcer.save(await rows_of(changes), announcements)
        for fingerprint, alert in changes.alerts.items():
            if alert is None:
                self._known.pop(fingerprint, None)
            else:
                self._known[fingerprint] = alert


def owed(before: Alert | None, after: Alert | None) -> Iterator[Announcement]:
    """What is to be announced where an alert is stored anew; None is none. Pure.

    An alert of no severity is no news: it fires to show that alerting works.
    """
    known = after or before
    if known is not None and known.labels.get("severity") == NO_SEVERITY:
        return
    fired = before is not None and lapsed(before)
    fires = after is not None and lapsed(after)
    if before is not None and fired:
        if after is None or (fires and after.starts_us > before.ends_us):
            yield _announcement(RESOLVED, before, before.ends_us)  # nobody reported it any more
            fired = False
        elif not fires:
            yield _announcement(RESOLVED, after, after.ends_us)
    if after is not None and fires and not fired:
        yield _announcement(FIRING, after, after.starts_us, 0 if before is None else before.ends_us)


def _announcement(type_: str, alert: Alert, at_us: int, ended_us: int = 0) -> Announcement:
    """One that was not known to be stored is made again under the same id."""
    return Announcement(
        id=f"{type_}:{alert.fingerprint}:{at_us}:{ended_us}",
        type=type_,
        subject=alert.fingerprint,
        time_us=at_us,
        data=_data(alert, type_),
    )


def _data(alert: Alert, type_: str) -> Mapping[str, Any]:
    return {
        "fingerprint": alert.fingerprint,
        "status": "firing" if type_ == FIRING else "resolved",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": rfc3339(alert.starts_us),
        "ends_at": None if type_ == FIRING else rfc3339(alert.ends_us),
        "generator_url": alert.generator_url,
        "value": alert.value or None,
    }
