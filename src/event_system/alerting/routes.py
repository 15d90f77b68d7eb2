"""The routing tree: which receivers get an alert, in which group, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from event_system.alerting.labels import Labels
from event_system.alerting.labels import written as written_labels
from event_system.alerting.matchers import Matchers, all_match, written

BY_ALL: Final = "..."
"""In `group_by`: every label set is a group of its own."""


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """What holds for the groups of a route. Spans are microseconds."""

    receiver: str
    group_by: frozenset[str] = frozenset()
    group_by_all: bool = False
    group_wait_us: int = 30_000_000
    group_interval_us: int = 300_000_000
    repeat_interval_us: int = 14_400_000_000
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the tree.

    `key` names it by its matchers and those above, as receivers get to see it; `id` also by its
    place, as routes beside each other may have the same matchers.
    """

    options: RouteOptions
    matchers: Matchers = ()
    continues: bool = False
    routes: tuple[Route, ...] = ()
    key: str = "{}"
    id: str = "{}"

    def match(self, labels: Labels) -> list[Route]:
        """The routes that take an alert: the deepest on each branch that it takes."""
        if self.matchers and not all_match(self.matchers, labels):
            return []
        if not self.routes:
            return [self]
        found: list[Route] = []
        for route in self.routes:
            taken = route.match(labels)
            found += taken
            if taken and not route.continues:
                break
        return found or [self]

    def group_labels(self, labels: Labels) -> dict[str, str]:
        """The labels that name the group of an alert on this route."""
        options = self.options
        if options.group_by_all:
            return dict(labels)
        return {name: labels[name] for name in options.group_by if name in labels}

    def walk(self) -> Iterator[Route]:
        """The route and all below, from the top."""
        yield self
        for route in self.routes:
            yield from route.walk()


def group_key(route: Route, labels: Labels) -> str:
    """The key of a group by its labels, as receivers get to see it."""
    return f"{route.key}:{written_labels(labels)}"


def id_of(parent: str | None, matchers: Matchers, place: int) -> str:
    """The id of a route under that of its parent, which has others before it."""
    return "{}" if parent is None else f"{parent}/{written(matchers)}/{place}"


def key_of(parent: str | None, matchers: Matchers) -> str:
    """The key of a route under that of its parent."""
    own = written(matchers)
    return own if parent is None else f"{parent}/{own}"
