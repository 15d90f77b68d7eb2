"""What an alert said when it began, and what it has said since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from event_system.alerting.alert import Alert, Update

MOST_UPDATES: Final = 10
UPDATE_US: Final = 60_000_000
"""An update a minute at most: an expression's value changes with each evaluation."""
AT_END: Final = "_at_end"


def with_beginning(known: Alert, alert: Alert) -> Alert:
    """The alert with the annotations of its beginning, and the updates to them since."""
    if known.starts_us != alert.starts_us:
        return alert
    if not known.fired and known.annotations == alert.annotations:
        return alert
    updates, count = known.updates, known.update_count
    since_us = updates[-1].us if updates else alert.starts_us
    if known.annotations != alert.annotations and alert.updated_us - since_us >= UPDATE_US:
        updates = (*updates, Update(alert.updated_us, alert.annotations))[-MOST_UPDATES:]
        count += 1
    fired = known.fired or known.annotations
    return msgspec.structs.replace(alert, fired=fired, updates=updates, update_count=count)


def as_told(alert: Alert) -> Alert:
    """An alert that has ended says what it said when it began; what it said last comes beside it."""
    if not alert.ends_us or not alert.fired:
        return alert
    return msgspec.structs.replace(alert, annotations=_both(alert.fired, alert.annotations))


def _both(first: Mapping[str, str], last: Mapping[str, str]) -> dict[str, str]:
    changed = {
        f"{name}{AT_END}": value for name, value in last.items() if first.get(name, value) != value
    }
    return {**last, **first, **changed}
