"""Where it is made what a channel sends: on the event loop, or beside it where that takes long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from event_system.alerting.notification import Notification
from event_system.kernel.threads import in_thread

ON_LOOP: Final = 20
"""Alerts that take 3 ms at most: 0.15 ms each as HTML mail, 0.1 ms in Slack's texts, 0.005 ms as JSON.

A group of 10,000 takes 1 s for Slack, and 50 ms for a webhook.
"""

T = TypeVar("T")


async def rendered(make: Callable[[Notification], T], notification: Notification) -> T:
    """What `make` makes of a notification, in a thread where it has over `ON_LOOP` alerts."""
    if len(notification.alerts) <= ON_LOOP:
        return make(notification)
    return await in_thread(make, notification)
