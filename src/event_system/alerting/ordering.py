"""Alerts in the order in which they are told and shown, with turns for others where they are many."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from event_system.alerting.alert import Alert
from event_system.alerting.labels import order

AT_ONCE: Final = 500


async def in_order(alerts: Sequence[Alert]) -> list[Alert]:
    """By their labels. Sorted by parts, which are merged: no turn takes over some milliseconds."""
    parts = []
    for place in range(0, len(alerts), AT_ONCE):
        part = [(order(each.labels), each) for each in alerts[place : place + AT_ONCE]]
        parts.append(sorted(part, key=itemgetter(0)))
        if place:
            await asyncio.sleep(0)
    found: list[Alert] = []
    for _, alert in heapq.merge(*parts, key=itemgetter(0)):
        found.append(alert)
        if len(found) % AT_ONCE == 0:
            await asyncio.sleep(0)
    return found
