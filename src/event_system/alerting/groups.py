"""Groups of alerts and their timers: when what is in a group is to be looked at next.

A new group waits `group_wait`, so that alerts which begin together are told together; after that
it is looked at every `group_interval`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from event_system.alerting.alert import Alert, fixed
from event_system.alerting.labels import Labels, written
from event_system.alerting.routes import Route

MOST_TAKEN: Final = 500
"""Alerts in the groups that are taken at once: a few milliseconds."""
MOST_KNOWN: Final = 10_000
"""Values of labels whose groups are known by heart."""
_Place: TypeAlias = tuple[str, tuple[object, ...]]
"""A route's id, and the values of the labels by which it groups, None where there is none."""


class Moment(NamedTuple):
    """Now, in microseconds: by the wall clock, and by one that never goes back."""

    wall_us: int
    steady_us: int


class Timer(NamedTuple):
    """What is kept of a group: when it is due by the wall clock, whether it was looked at."""

    due_us: int
    has_flushed: bool


@dataclass(slots=True, eq=False)
class Group:
    """Alerts of one route with the same group labels. `due_us` is by the steady clock.

    `key` is what receivers get to see, `id` is its own among all groups. `is_in_order` says that
    its alerts are in the order in which they are told.
    """

    id: str
    key: str
    route: Route
    labels: dict[str, str]
    due_us: int
    alerts: dict[str, Alert] = field(default_factory=dict)
    is_in_order: bool = False
    has_flushed: bool = False
    is_flushing: bool = False

    def timer(self, now: Moment) -> Timer:
        return Timer(now.wall_us + self.due_us - now.steady_us, self.has_flushed)


class Flush(NamedTuple):
    """A group that is due, and its alerts as they were then, `in_order` or not."""

    group: Group
    alerts: list[Alert]
    moment: Moment
    in_order: bool


class Groups:
    """All groups under one routing tree. Not thread-safe; nothing here waits."""

    def __init__(self, root: Route) -> None:
        self._root = root
        self._groups: dict[str, Group] = {}
        self._by_labels: dict[_Place, Group] = {}
        self._of_alert: dict[str, tuple[Group, ...]] = {}
        self._names = _deciding(root)
        self._of_values: dict[tuple[str | None, ...], tuple[Group, ...]] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def insert(self, alert: Alert, now: Moment) -> list[Group]:
        """Put an alert into its groups; those whose timers changed."""
        changed: list[Group] = []
        groups = self._of_alert.get(alert.fingerprint)
        if groups is None:
            groups = self._placed(alert, now, changed)
        for group in groups:
            group.alerts[alert.fingerprint] = alert
            if group.has_flushed or group.due_us <= now.steady_us:
                continue
            if alert.starts_us + group.route.options.group_wait_us < now.wall_us:
                self._set_due(group, now.steady_us)
                if group not in changed:
                    changed.append(group)
        return changed

    def _placed(self, alert: Alert, now: Moment, made: list[Group]) -> tuple[Group, ...]:
        """The groups of an alert, until it leaves one of them; those that are new are also in `made`."""
        values = tuple(map(alert.labels.get, self._names))
        groups = self._of_values.get(values)
        if groups is None:
            groups = self._routed(alert, now, made)
            if not any(group.route.options.group_by_all for group in groups):
                self._of_values[values] = groups
        for group in groups:
            group.is_in_order = False
        self._of_alert[alert.fingerprint] = groups
        return groups

    def _routed(self, alert: Alert, now: Moment, made: list[Group]) -> tuple[Group, ...]:
        """The same, by the tree of routes."""
        found = []
        for route in self._root.match(alert.labels):
            place = _place(route, alert.labels)
            group = self._by_labels.get(place)
            if group is None:
                group = self._made(route, alert, place, now)
                made.append(group)
            found.append(group)
        return tuple(found)

    def _made(self, route: Route, alert: Alert, place: _Place, now: Moment) -> Group:
        labels = dict(sorted(route.group_labels(alert.labels).items()))
        name = written(labels)
        group = Group(f"{route.id}:{name}", f"{route.key}:{name}", route, labels, 0)
        self._groups[group.id] = self._by_labels[place] = group
        self._set_due(group, now.steady_us + route.options.group_wait_us)
        return group

    def find(self, route: Route, labels: Labels) -> Group | None:
        """The group of these labels on a route, where there is one."""
        return self._by_labels.get(_place(route, labels))

    def restore(self, id_: str, timer: Timer, now: Moment) -> None:
        """Give a group the timer that it had; one that was due meanwhile is due at once.

        Where the clock was set, it waits no longer than its interval.
        """
        group = self._groups.get(id_)
        if group is None:
            return
        left_us = max(0, timer.due_us - now.wall_us)
        options = group.route.options
        longest_us = options.group_interval_us if timer.has_flushed else options.group_wait_us
        group.has_flushed = timer.has_flushed
        self._set_due(group, now.steady_us + min(left_us, longest_us))

    def _set_due(self, group: Group, due_us: int) -> None:
        group.due_us = due_us
        heapq.heappush(self._heap, (due_us, group.id))

    def next_due_us(self) -> int | None:
        """When something is due next, by the steady clock."""
        while self._heap:
            due_us, id_ = self._heap[0]
            if self._is_waiting(due_us, id_):
                return due_us
            heapq.heappop(self._heap)
        return None

    def _is_waiting(self, due_us: int, id_: str) -> bool:
        group = self._groups.get(id_)
        return group is not None and group.due_us == due_us and not group.is_flushing

    def take_due(self, now: Moment, most: int = MOST_TAKEN) -> list[Flush]:
        """Groups that are due, each with its next timer set. Each needs `end` once.

        Only as many as have about `most` alerts together, so that others have their turn; the rest
        stays due.
        """
        found: list[Flush] = []
        while most > 0 and self._heap and self._heap[0][0] <= now.steady_us:
            due_us, id_ = heapq.heappop(self._heap)
            if self._is_waiting(due_us, id_):
                found.append(self._begin(self._groups[id_], now))
                most -= len(found[-1].alerts) + 1
        return found

    def _begin(self, group: Group, now: Moment) -> Flush:
        group.has_flushed = True
        group.is_flushing = True
        group.due_us = now.steady_us + group.route.options.group_interval_us
        alerts = as_flushed(group.alerts.values(), now.wall_us)
        return Flush(group, alerts, now, group.is_in_order)

    def keep_order(self, group: Group, alerts: Sequence[Alert]) -> None:
        """Let flushes to come have the alerts in this order; unless others have come meanwhile."""
        known = group.alerts
        ordered = {
            each.fingerprint: known[each.fingerprint]
            for each in alerts
            if each.fingerprint in known
        }
        if len(ordered) == len(known):
            group.alerts, group.is_in_order = ordered, True

    def end(self, flush: Flush, *, told: bool, keep: Iterable[str] = ()) -> None:
        """A flush is over. Where all were told, what was resolved leaves, unless it is in `keep`.

        An alert that has changed meanwhile stays.
        """
        group = flush.group
        group.is_flushing = False
        self._set_due(group, group.due_us)
        if not told:
            return
        for alert in leaving(flush.alerts, flush.moment.wall_us, frozenset(keep)):
            known = group.alerts.get(alert.fingerprint)
            if known is not None and known.updated_us == alert.updated_us:
                del group.alerts[alert.fingerprint]
                self._of_alert.pop(alert.fingerprint, None)

    def drop_empty(self) -> list[str]:
        """Forget groups without alerts; their ids."""
        gone = [g for g in self._groups.values() if not g.alerts and not g.is_flushing]
        for group in gone:
            del self._groups[group.id], self._by_labels[_place(group.route, group.labels)]
        if gone or len(self._of_values) > MOST_KNOWN:
            self._of_values.clear()
        return [group.id for group in gone]

    def holding(self) -> frozenset[str]:
        """Fingerprints of all alerts that are in a group."""
        return frozenset(fp for group in self._groups.values() for fp in group.alerts)


def _deciding(root: Route) -> tuple[str, ...]:
    """The names of the labels that decide in which groups an alert is, unless all do."""
    names: set[str] = set()
    for route in root.walk():
        names |= route.options.group_by
        names.update(matcher.name for matcher in route.matchers)
    return tuple(sorted(names))


def _place(route: Route, labels: Labels) -> _Place:
    options = route.options
    if options.group_by_all:
        return route.id, tuple(sorted(labels.items()))
    return route.id, tuple([labels.get(name) for name in _sorted(options.group_by)])


@lru_cache(maxsize=1_024)
def _sorted(names: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def as_flushed(alerts: Iterable[Alert], now_us: int) -> list[Alert]:
    """As they are told of."""
    return [fixed(each, now_us) for each in alerts]


def leaving(alerts: Iterable[Alert], now_us: int, keep: frozenset[str]) -> list[Alert]:
    """Those that leave their group once all channels know: they have ended."""
    return [a for a in alerts if a.resolved_at(now_us) and a.fingerprint not in keep]
