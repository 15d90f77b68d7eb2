"""Which events of a commit each listener is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from event_system.events.event import Event, event_of, events_of
from event_system.events.ports import Commit


def shown(
    commit: Commit, listened: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, list[Event]]]:
    """Each listener's name with its events, in their order; nobody gets an empty list.

    `listened` are the listeners of each type in the commit. Listeners of the same event get the
    same object, and those of everything that is listened to the same list: it is not to be changed.
    """
    types = {type_: names for type_, names in listened.items() if names}
    if not types:
        return
    if len(types) == len(listened):
        events = events_of(commit.first, commit.rows)
    else:
        numbered = enumerate(commit.rows, commit.first)
        events = [event_of(offset, row) for offset, row in numbered if row[5] in types]
    of_all = set.intersection(*map(set, types.values()))
    for name in sorted(of_all):
        yield name, events
    yield from _of_some(events, types, of_all).items()


def _of_some(
    events: Sequence[Event], types: Mapping[str, Sequence[str]], of_all: set[str]
) -> dict[str, list[Event]]:
    """What the listeners see that are not shown all of the events."""
    found: defaultdict[str, list[Event]] = defaultdict(list)
    left = {type_: [n for n in names if n not in of_all] for type_, names in types.items()}
    if any(left.values()):
        for event in events:
            for name in left[event.type]:
                found[name].append(event)
    return found
