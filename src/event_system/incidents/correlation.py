"""Which alerts belong together: by labels that they share, by topology, and by time.

Two alerts are neighbours where they began within the window of each other and share the value of a
label that counts, or are of services of which one depends on the other. Alerts that hang together
by neighbours are one incident, so the order of arrival does not matter. Pure.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from event_system.incidents.incident import Reason

WINDOW_US: Final = 300_000_000
LABELS: Final = ("service", "component", "job", "instance")
SERVICE_LABELS: Final = ("service", "component", "job")

_Key: TypeAlias = tuple[str, str]
_Place: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes alerts neighbours. `topology` says which services each one depends on."""

    labels: Sequence[str] = LABELS
    service_labels: Sequence[str] = SERVICE_LABELS
    topology: Mapping[str, Sequence[str]] = field(default_factory=dict)
    window_us: int = WINDOW_US


def service_of(labels: Mapping[str, str], rules: Rules) -> str:
    """The first of the labels that name a service; empty where there is none."""
    return next((labels[name] for name in rules.service_labels if labels.get(name)), "")


def dependencies(topology: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """What each service depends on, directly or through others; circles are allowed."""
    found: dict[str, frozenset[str]] = {}
    for service in topology:
        seen: set[str] = set()
        waiting = list(topology[service])
        while waiting:
            if (other := waiting.pop()) not in seen:
                seen.add(other)
                waiting.extend(topology.get(other, ()))
        found[service] = frozenset(seen - {service})
    return found


@dataclass(frozen=True, slots=True)
class _Held:
    starts_us: int
    name: str
    keys: tuple[_Key, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An alert that another one belongs to, and why."""

    fingerprint: str
    reason: Reason


class Neighbourhood:
    """The alerts of open incidents, found by what they share. Costs O(log n) for each label."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._depends = dependencies(rules.topology)
        self._related = _both_ways(self._depends)
        self._places: dict[_Key, list[_Place]] = {}
        self._held: dict[str, _Held] = {}

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._held

    def put(self, fingerprint: str, labels: Mapping[str, str], starts_us: int) -> None:
        """Take an alert in, or move it to another start."""
        self.drop(fingerprint)
        keys = tuple(dict.fromkeys((*self._shared(labels), *self._services(labels))))
        name = labels.get("alertname", fingerprint)
        self._held[fingerprint] = _Held(starts_us, name, keys)
        for key in keys:
            insort(self._places.setdefault(key, []), (starts_us, fingerprint))

    def drop(self, fingerprint: str) -> None:
        """Forget an alert; harmless where it is not there."""
        held = self._held.pop(fingerprint, None)
        for key in () if held is None else held.keys:
            assert held is not None
            places = self._places[key]
            del places[bisect_left(places, (held.starts_us, fingerprint))]
            if not places:
                del self._places[key]

    def of(self, labels: Mapping[str, str], starts_us: int, but: str = "") -> Iterator[Neighbour]:
        """The nearest neighbours before and after, for all that is shared; `but` is no neighbour.

        Others of the same label hang together with these.
        """
        for name, value in self._shared(labels):
            for place in self._nearest((name, value), starts_us, but):
                yield self._neighbour("label", name, value, place, starts_us)
        for _, service in self._services(labels):
            for place in self._nearest((_SERVICE, service), starts_us, but):
                yield self._neighbour("label", "service", service, place, starts_us)
            for other in self._related.get(service, ()):
                ends = (service, other)
                if other not in self._depends.get(service, ()):
                    ends = (other, service)
                for place in self._nearest((_SERVICE, other), starts_us, but):
                    yield self._neighbour("topology", *ends, place, starts_us)

    def _shared(self, labels: Mapping[str, str]) -> Iterator[_Key]:
        return ((name, labels[name]) for name in self._rules.labels if labels.get(name))

    def _services(self, labels: Mapping[str, str]) -> Iterator[_Key]:
        values = (labels[name] for name in self._rules.service_labels if labels.get(name))
        return ((_SERVICE, value) for value in dict.fromkeys(values) if value in self._related)

    def _nearest(self, key: _Key, starts_us: int, but: str) -> Iterator[_Place]:
        places = self._places.get(key, [])
        at = bisect_left(places, (starts_us, ""))
        before, later = at - 1, at
        if before >= 0 and places[before][1] == but:
            before -= 1
        if later < len(places) and places[later][1] == but:
            later += 1
        window = self._rules.window_us
        if before >= 0 and starts_us - places[before][0] <= window:
            yield places[before]
        if later < len(places) and places[later][0] - starts_us <= window:
            yield places[later]

    def _neighbour(
        self,
        kind: Literal["label", "topology"],
        name: str,
        value: str,
        place: _Place,
        starts_us: int,
    ) -> Neighbour:
        other_us, fingerprint = place
        other, apart_us = self._held[fingerprint].name, abs(other_us - starts_us)
        reason = Reason(kind=kind, name=name, value=value, other=other, apart_us=apart_us)
        return Neighbour(fingerprint, reason)


_SERVICE: Final = ""
"""In the place of a label's name: a service, whichever label says it."""


def _both_ways(depends: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    related: dict[str, set[str]] = {}
    for service, others in depends.items():
        for other in others:
            related.setdefault(service, set()).add(other)
            related.setdefault(other, set()).add(service)
    return {service: sorted(others) for service, others in related.items()}
