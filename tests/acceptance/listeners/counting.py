"""A listener that takes everything and keeps nothing."""

from __future__ import annotations

from event_system import Event, listener


@listener(">", name="counter", start="beginning", filter="event.subject != 'nobody'")
async def counter(event: Event) -> None:
    assert event.type
