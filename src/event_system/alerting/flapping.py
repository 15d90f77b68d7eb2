"""Alerts that start and end again and again: told once as flapping, until they are steady.

While an alert flaps it is told of as firing, with the number of its changes, whatever it is at
the moment. Once it has not changed for a while it is told of as what it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from event_system.alerting.alert import Alert, lapsed

ANNOTATION: Final = "flapping"
_MOST_CHANGES: Final = 50
_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Flapping:
    """From when on an alert flaps: `changes` starts and ends within `window_us`.

    Until it has not changed for `steady_us`.
    """

    changes: int = 6
    window_us: int = 15 * _MINUTE_US
    steady_us: int = 10 * _MINUTE_US

    def count(self, alert: Alert, now_us: int) -> int:
        """How often it has changed lately where it flaps, else 0."""
        changes = _changes(alert, now_us)
        if not changes or now_us >= changes[-1] + self.steady_us:
            return 0
        count = sum(us > changes[-1] - self.window_us for us in changes)
        return count if count >= self.changes else 0

    def steady_at_us(self, alert: Alert, now_us: int) -> int:
        """When one that flaps is steady, if it changes no more."""
        return _changes(alert, now_us)[-1] + self.steady_us

    def damped(self, alerts: Iterable[Alert], now_us: int) -> list[Alert]:
        """As they are told of."""
        return [self._damped(each, now_us) if each.changes else each for each in alerts]

    def _damped(self, alert: Alert, now_us: int) -> Alert:
        count = self.count(alert, now_us)
        if not count:
            return alert
        told = f"{count} changes in {self.window_us // _MINUTE_US} min"
        annotations = {**alert.annotations, ANNOTATION: told}
        return msgspec.structs.replace(alert, ends_us=0, annotations=annotations, is_flapping=True)


def _changes(alert: Alert, now_us: int) -> tuple[int, ...]:
    """Also the end that came as nobody reported it any more."""
    if lapsed(alert) and alert.resolved_at(now_us):
        return (*alert.changes, alert.ends_us)
    return alert.changes


def with_changes(known: Alert, alert: Alert, now_us: int) -> Alert:
    """The alert with the moments at which it started and ended, beside what was known of it."""
    changes = known.changes
    if known.resolved_at(now_us) != alert.resolved_at(now_us):
        changes = (*_changes(known, now_us), now_us)[-_MOST_CHANGES:]
    return alert if not changes else msgspec.structs.replace(alert, changes=changes)
