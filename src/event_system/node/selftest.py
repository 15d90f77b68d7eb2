"""The listener that answers the platform's own test event."""

from __future__ import annotations

from event_system.events.event import Event
from event_system.events.listener import Listener


async def _handle(event: Event) -> None:
    """Being called is the whole test."""


SELF_TEST = Listener(name="event-system.self-test", patterns=("system.test",), handler=_handle)
