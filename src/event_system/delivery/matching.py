"""Which events are a listener's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from event_system.events.event import Event


def chosen(events: Sequence[Event], matches: Callable[[str], bool]) -> Sequence[Event]:
    """The events whose types match; types are few, so each is looked at once."""
    others = {type_ for type_ in {event.type for event in events} if not matches(type_)}
    return [event for event in events if event.type not in others] if others else events
