"""A notification in few words: told where its own template cannot be rendered."""

from __future__ import annotations

from typing import Final

from event_system.alerting.labels import written
from event_system.alerting.notification import Notification, status_of

MOST_ALERTS: Final = 100
MOST_BYTES: Final = 3_500
"""The least that a channel takes is 4,096: the text of a group's robot of WeCom."""
_SUBJECT_BYTES: Final = 200
_ALERT_BYTES: Final = 300


def subject(notification: Notification) -> str:
    """What a whole message is headed with."""
    firing, resolved = _numbers(notification)
    number = f"FIRING:{firing}" if firing else f"RESOLVED:{resolved}"
    return _cut(f"[{number}] {written(notification.group_labels)}", _SUBJECT_BYTES)


def text(notification: Notification) -> str:
    """Numbers, and as many alerts as there is room for; at most `MOST_BYTES` as UTF-8."""
    firing, resolved = _numbers(notification)
    lines = [
        subject(notification),
        "In short, as the template of this message failed; the log says why.",
        f"{firing:,} firing, {resolved:,} resolved: {_cut(notification.external_url, 500)}",
    ]
    alerts = _alerts(notification, MOST_BYTES - sum(map(_size, lines)) - _SUBJECT_BYTES)
    left = len(notification.alerts) - len(alerts)
    return "\n".join([*lines, *alerts, *([f"and {left:,} more"] if left else [])])


def _alerts(notification: Notification, room: int) -> list[str]:
    found: list[str] = []
    for alert in notification.alerts[:MOST_ALERTS]:
        line = _cut(f"{status_of(alert)} {written(alert.labels)}", _ALERT_BYTES)
        room -= _size(line)
        if room < 0:
            break
        found.append(line)
    return found


def _numbers(notification: Notification) -> tuple[int, int]:
    """How many fire, how many are resolved."""
    firing = sum(status_of(alert) == "firing" for alert in notification.alerts)
    return firing, len(notification.alerts) - firing


def _size(line: str) -> int:
    return len(line.encode("utf-8", "replace")) + 1


def _cut(line: str, most: int) -> str:
    found = line.encode("utf-8", "replace")
    return line if len(found) <= most else found[: most - 3].decode("utf-8", "ignore") + "…"
