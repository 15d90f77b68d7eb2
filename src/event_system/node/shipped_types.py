"""The types of the events that the platform itself tells, as the catalogue has them."""

from __future__ import annotations

from typing import Final

from event_system.alerting.announcing import FIRING, RESOLVED
from event_system.events.catalogue.entry import TypeEntry

OWNER: Final = "event-system"
_TYPES: Final = {
    FIRING: "An alert has begun; once for each beginning. The subject is its fingerprint.",
    RESOLVED: "An alert has ended; once for each end. The subject is its fingerprint.",
}
SHIPPED: Final = tuple(
    TypeEntry(name=name, owner=OWNER, description=told, origin=OWNER)
    for name, told in _TYPES.items()
)
"""Without schemas: what is told must never be refused. Files may declare others of these names."""
