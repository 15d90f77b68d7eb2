"""What keeps alerts of a group quiet: inhibition, time intervals, silences; in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from event_system.alerting.alert import Alert
from event_system.alerting.inhibition import Inhibition
from event_system.alerting.intervals import Intervals, containing
from event_system.alerting.routes import Route
from event_system.alerting.silences import Silences

AT_ONCE: Final = 500
"""Alerts that are judged before others have their turn: a few milliseconds."""


class Muted(NamedTuple):
    """Why nothing is said of an alert: silences' ids, and the alert that inhibits it."""

    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()


class QuietTime(NamedTuple):
    """Why a route is quiet: it is within a mute interval, or outside of all its active ones."""

    kind: Literal["mute", "active"]
    intervals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Muting:
    """Judges alerts by the rules that hold."""

    silences: Silences
    inhibition: Inhibition
    intervals: Intervals

    def of_alert(self, alert: Alert, now_us: int) -> Muted:
        inhibitor = self.inhibition.inhibiting(alert.labels, now_us)
        return Muted(
            tuple(self.silences.silencing(alert.labels, now_us)),
            () if inhibitor is None else (inhibitor,),
        )

    def quiet_time(self, route: Route, now_us: int) -> QuietTime | None:
        """What keeps the route quiet now: a mute interval, or that no active one holds."""
        options = route.options
        active = options.active_time_intervals
        if active and containing(self.intervals, active, now_us) is None:
            return QuietTime("active", active)
        muting = containing(self.intervals, options.mute_time_intervals, now_us)
        return None if muting is None else QuietTime("mute", (muting,))

    async def quiet_in_turns(self, alerts: Sequence[Alert], now_us: int) -> frozenset[str]:
        """The same as `quiet`, with turns for others in between: alerts may be very many."""
        found: set[str] = set()
        for place in range(0, len(alerts), AT_ONCE):
            if place:
                await asyncio.sleep(0)
            found |= self.quiet(alerts[place : place + AT_ONCE], now_us)
        return frozenset(found)

    def quiet(
        self, alerts: Iterable[Alert], now_us: int, fires_us: int | None = None
    ) -> frozenset[str]:
        """Fingerprints of those that are inhibited or silenced.

        With `fires_us` a moment that is to come is judged as though all went on that fires then.
        """
        fires_us = now_us if fires_us is None else fires_us
        return frozenset(
            alert.fingerprint
            for alert in alerts
            if self.inhibition.inhibiting(alert.labels, fires_us) is not None
            or self.silences.silencing(alert.labels, now_us)
        )
