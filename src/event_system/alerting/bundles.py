"""Notifications for one channel that had to wait, as one."""

from __future__ import annotations

from collections.abc import Sequence

from event_system.alerting.alert import Alert
from event_system.alerting.notification import Notification, common


def bundled(waiting: Sequence[Notification]) -> Notification:
    """All of them in one, oldest first: of each alert the newest state, recoveries included."""
    first = waiting[0]
    if len(waiting) == 1:
        return first
    newest: dict[str, Alert] = {}
    for alert in (alert for each in waiting for alert in each.alerts):
        known = newest.get(alert.fingerprint)
        if known is None or known.updated_us <= alert.updated_us:
            newest[alert.fingerprint] = alert
    return Notification(
        receiver=first.receiver,
        group_key=f"{first.group_key} and {len(waiting) - 1} more",
        group_labels=common([each.group_labels for each in waiting]),
        alerts=tuple(newest.values()),
        external_url=first.external_url,
        count=len(waiting),
    )
