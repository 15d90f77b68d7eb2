"""How listeners stand to events: what is said of a delivery. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from event_system.delivery.ports import BATCH_LANE, BLOCKING, DEAD, RETRYING
from event_system.events.event import Event
from event_system.events.ports import DeliveryStatus
from event_system.events.registry import Registered

FAILED: Final[Mapping[str, tuple[str, ...]]] = {"retrying": (RETRYING, BLOCKING), "dead": (DEAD,)}
"""Each status of a failed delivery, and the states of its failure."""


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets above `after`, up to `through` where there is an end."""

    after: int = 0
    through: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a listener stands at one moment.

    `cursors` maps each lane to the offset up to which its effects are complete. A sync listener
    has none: it was called before the sender was answered.
    """

    entry: Registered
    cursors: Mapping[int, int] = field(default_factory=dict)

    def status(self, event: Event) -> DeliveryStatus:
        """How the listener stands to an event that it gets, and that has not failed."""
        if self.entry.condition is not None and not self.entry.condition(event):
            return "skipped"
        return "pending" if event.offset > self._cursor(event) else "handled"

    def _cursor(self, event: Event) -> int:
        followed = self.cursors.get(BATCH_LANE)
        return self.cursors.get(event.lane, event.offset) if followed is None else followed

    def span(self, status: DeliveryStatus) -> Span | None:
        """Where the events are to which it stands so; None where there are none."""
        if status == "skipped":
            return None if self.entry.condition is None else Span()
        if status == "pending":
            return Span(after=min(self.cursors.values())) if self.cursors else None
        return Span(through=max(self.cursors.values(), default=None))
