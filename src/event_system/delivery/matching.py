"""Which events are a listener's."""

from __future__ import annotations

from event_system.events.ports import Slice
from event_system.kernel.patterns import AnyPattern


def chosen(page: Slice, matches: AnyPattern) -> Slice:
    """The events whose types match; types are few, so each is looked at once.

    Events that another thread has read are not even looked at where all match: whoever touches
    them first waits for memory.
    """
    if matches.everything:
        return page
    others = {type_ for type_ in {event.type for event in page.events} if not matches(type_)}
    if not others:
        return page
    events = [event for event in page.events if event.type not in others]
    return Slice(events, page.through, page.size)
